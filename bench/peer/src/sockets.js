/** Relays what people in a room exchange, to whoever says they are there. */
export default function interviewSockets(io) {
  io.of('/interview').on('connection', (socket) => {
    socket.on('joinRoom', ({ interviewId, role, userId }) => {
      socket.join(interviewId);
      socket.data = { interviewId, role, userId };
      io.of('/interview').to(interviewId).emit('userJoined', { socketId: socket.id, role, userId });
    });

    socket.on('signal', ({ interviewId, payload }) => {
      socket.to(interviewId).emit('signal', { socketId: socket.id, payload });
    });

    socket.on('codeUpdate', ({ interviewId, codeSnapshot }) => {
      socket.to(interviewId).emit('codeUpdate', { codeSnapshot });
    });

    socket.on('eyeTracking', ({ interviewId, metrics }) => {
      socket.to(interviewId).emit('eyeTracking', { metrics, source: socket.id });
    });

    socket.on('chatMessage', ({ interviewId, message }) => {
      io.of('/interview')
        .to(interviewId)
        .emit('chatMessage', { message, from: socket.id, timestamp: Date.now() });
    });

    const leave = (interviewId) => socket.to(interviewId).emit('userLeft', { socketId: socket.id });

    socket.on('leaveRoom', ({ interviewId }) => {
      socket.leave(interviewId);
      leave(interviewId);
    });

    socket.on('disconnect', () => {
      if (socket.data.interviewId) leave(socket.data.interviewId);
    });
  });
}
