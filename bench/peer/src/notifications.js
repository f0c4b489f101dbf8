import Queue from 'bull';

import { Notification, User } from './models.js';

const { REDIS_URL, SENDGRID_API_KEY, SENDGRID_BASE_URL, EMAIL_FROM } = process.env;

const queue = new Queue('notification-queue', REDIS_URL);

/** Has the candidate told of an interview. */
export async function notify(interview) {
  const user = await User.findById(interview.candidate);
  const notification = await Notification.create({
    user: user.id,
    interview: interview.id,
    payload: { email: user.email, start: interview.schedule.start },
  });
  await queue.add(
    { notificationId: notification.id, name: user.name, ...notification.payload },
    { attempts: 3, backoff: { type: 'exponential', delay: 1000 } },
  );
}

/** Sends what is queued, one after another, as Bull does unless told otherwise. */
export function processQueue() {
  queue.process(async ({ data }) => {
    await sendMail(data.email, 'Your interview', `Hello ${data.name}, you are invited for ${data.start}.`);
    await Notification.findByIdAndUpdate(data.notificationId, {
      status: 'sent',
      sentAt: new Date(),
    });
  });
}

async function sendMail(to, subject, text) {
  const response = await fetch(`${SENDGRID_BASE_URL}/v3/mail/send`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${SENDGRID_API_KEY}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({
      personalizations: [{ to: [{ email: to }] }],
      from: { email: EMAIL_FROM },
      subject,
      content: [
        { type: 'text/plain', value: text },
        { type: 'text/html', value: `<p>${text}</p>` },
      ],
    }),
  });
  if (!response.ok) throw new Error(`The provider answered ${response.status}`);
  await response.arrayBuffer();
}
