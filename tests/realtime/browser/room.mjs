// Joins a room with the real client, in its default configuration (polling first, then an
// upgrade to WebSocket), says one of everything, and prints what it heard as JSON.
import { io } from "socket.io-client";

const [url, token, interviewId] = process.argv.slice(2);

// What Yjs says of an "x" inserted into an empty text, by client 7.
const edit = new Uint8Array([1, 1, 7, 0, 4, 1, 4, ...new TextEncoder().encode("code"), 1, 120, 0]);
const room = io(`${url}/interview`, { auth: { token }, reconnection: false });
const heard = [];
room.onAny((event, data) => heard.push([event, data]));

const fail = (reason) => {
  console.error(String(reason));
  process.exit(1);
};
room.on("connect_error", (error) => fail(`connect_error ${error.message}`));
setTimeout(() => fail("too slow"), 20_000).unref();

room.on("connect", async () => {
  const joined = await room.emitWithAck("joinRoom", { interviewId });
  await new Promise((done) =>
    room.io.engine.transport.name === "websocket" ? done() : room.io.engine.once("upgrade", done),
  );
  const acknowledged = [
    joined,
    await room.emitWithAck("signal", { interviewId, payload: { type: "offer", sdp: "v=0" } }),
    await room.emitWithAck("codeUpdate", { interviewId, codeSnapshot: "let x = 1;" }),
    await room.emitWithAck("codeUpdate", { interviewId, update: edit }),
    await room.emitWithAck("chatMessage", { interviewId, message: "hello from JavaScript" }),
    await room.emitWithAck("chatMessage", { interviewId }),
    await room.emitWithAck("leaveRoom", { interviewId }),
  ];
  const transport = room.io.engine.transport.name;
  console.log(JSON.stringify({ id: room.id, transport, acknowledged, heard }));
  room.disconnect();
});
