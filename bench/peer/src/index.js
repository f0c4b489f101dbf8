import { createServer } from 'node:http';

import mongoose from 'mongoose';
import { Server } from 'socket.io';

import app from './app.js';
import { processQueue } from './notifications.js';
import interviewSockets from './sockets.js';

const { CLIENT_ORIGIN, HOST, MONGO_DB_NAME, MONGO_URI, PORT, PROCESS_QUEUE } = process.env;

await mongoose.connect(MONGO_URI, { dbName: MONGO_DB_NAME });
const server = createServer(app);
interviewSockets(new Server(server, { cors: { origin: CLIENT_ORIGIN } }));
if (PROCESS_QUEUE === 'true') processQueue();
server.listen(Number(PORT), HOST);
