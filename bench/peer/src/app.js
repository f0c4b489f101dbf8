import cors from 'cors';
import express from 'express';

import { allow, logIn } from './auth.js';
import { CandidateProfile, Interview } from './models.js';
import { notify } from './notifications.js';

const app = express();
app.use(cors({ origin: process.env.CLIENT_ORIGIN }));
app.use(express.json());

app.get('/health', (request, response) => response.json({ status: 'ok' }));
app.post('/api/auth/login', logIn);

app.get('/api/admin/candidates', allow('admin'), async (request, response) => {
  const candidates = await CandidateProfile.find()
    .sort({ _id: -1 })
    .populate('user', '-passwordHash');
  response.json({ candidates });
});

app.get('/api/admin/interviews', allow('admin'), async (request, response) => {
  const interviews = await Interview.find()
    .sort({ 'schedule.start': -1 })
    .populate('candidate', 'name email')
    .populate('interviewer', 'name email')
    .populate('lot', 'name')
    .populate('codingTask', 'title difficulty');
  response.json({ interviews });
});

app.post('/api/admin/interviews', allow('admin'), async (request, response) => {
  const { candidateId, interviewerId, lotId, codingTaskId, meetingRoomId, schedule } = request.body;
  const interview = await Interview.create({
    candidate: candidateId,
    interviewer: interviewerId,
    lot: lotId,
    codingTask: codingTaskId,
    meetingRoomId,
    schedule,
    createdBy: request.user.id,
  });
  await notify(interview);
  response.status(201).json({ interview });
});

app.get('/api/candidates/me', allow('candidate'), async (request, response) => {
  const profile = await CandidateProfile.findOne({ user: request.user.id }).populate(
    'user',
    '-passwordHash',
  );
  response.json({ profile });
});

app.use((request, response) => response.status(404).json({ message: 'Not Found' }));
app.use((error, request, response, next) => {
  console.error(error);
  response.status(error.status ?? 500).json({ message: error.message });
});

export default app;
