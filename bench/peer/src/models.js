import mongoose from 'mongoose';

const { Schema, model } = mongoose;
const { ObjectId } = Schema.Types;

export const User = model(
  'User',
  new Schema(
    {
      name: { type: String, required: true },
      email: { type: String, required: true, unique: true, lowercase: true, trim: true },
      passwordHash: { type: String, required: true },
      role: { type: String, enum: ['admin', 'interviewer', 'candidate'], required: true, index: true },
      phone: String,
      timezone: String,
      status: { type: String, enum: ['active', 'inactive', 'invited'], default: 'active' },
    },
    { timestamps: true },
  ),
);

export const CandidateProfile = model(
  'CandidateProfile',
  new Schema(
    {
      user: { type: ObjectId, ref: 'User', required: true, unique: true },
      resumeUrl: String,
      portfolioUrl: String,
      experienceYears: Number,
      skills: [String],
      tags: [String],
      notes: String,
      lotStatus: {
        type: String,
        enum: ['unassigned', 'shortlisted', 'pending', 'interviewed', 'rejected', 'hired'],
        default: 'unassigned',
      },
    },
    { timestamps: true },
  ),
);

export const Lot = model(
  'Lot',
  new Schema(
    {
      name: { type: String, required: true },
      description: String,
      criteria: { experienceMin: Number, experienceMax: Number, skills: [String], tags: [String] },
      candidates: [{ type: ObjectId, ref: 'CandidateProfile' }],
      status: { type: String, enum: ['draft', 'active', 'archived'], default: 'active' },
      createdBy: { type: ObjectId, ref: 'User' },
    },
    { timestamps: true },
  ),
);

export const CodingTask = model(
  'CodingTask',
  new Schema(
    {
      title: { type: String, required: true },
      description: String,
      starterCode: String,
      language: String,
      difficulty: { type: String, enum: ['easy', 'medium', 'hard'] },
      tags: [String],
    },
    { timestamps: true },
  ),
);

export const Interview = model(
  'Interview',
  new Schema(
    {
      candidate: { type: ObjectId, ref: 'User', required: true, index: true },
      interviewer: { type: ObjectId, ref: 'User', required: true, index: true },
      lot: { type: ObjectId, ref: 'Lot' },
      codingTask: { type: ObjectId, ref: 'CodingTask' },
      meetingRoomId: String,
      schedule: { start: Date, end: Date },
      status: {
        type: String,
        enum: ['scheduled', 'live', 'completed', 'cancelled'],
        default: 'scheduled',
      },
      startedAt: Date,
      endedAt: Date,
      feedback: String,
      attentivenessScore: Number,
      createdBy: { type: ObjectId, ref: 'User' },
    },
    { timestamps: true },
  ).index({ 'schedule.start': 1 }),
);

export const Notification = model(
  'Notification',
  new Schema(
    {
      user: { type: ObjectId, ref: 'User' },
      interview: { type: ObjectId, ref: 'Interview' },
      channel: { type: String, enum: ['email', 'sms', 'push'], default: 'email' },
      status: { type: String, enum: ['pending', 'queued', 'sent', 'failed'], default: 'pending' },
      payload: Schema.Types.Mixed,
      sentAt: Date,
    },
    { timestamps: true },
  ),
);
