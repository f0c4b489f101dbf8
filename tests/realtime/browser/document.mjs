// Joins a room as an editor with an empty Yjs document, and prints the text that it is given.
import { io } from "socket.io-client";
import * as Y from "yjs";

const [url, token, interviewId] = process.argv.slice(2);
const room = io(`${url}/interview`, { auth: { token }, reconnection: false });
setTimeout(() => process.exit(1), 20_000).unref();

room.on("connect", async () => {
  const { update, sv } = await room.emitWithAck("joinRoom", { interviewId, sync: "yjs" });
  const doc = new Y.Doc();
  Y.applyUpdate(doc, new Uint8Array(update));
  const vector = Buffer.from(Y.encodeStateVector(doc));
  const whole = doc.store.pendingStructs === null && doc.store.pendingDs === null;
  const told = Y.decodeStateVector(new Uint8Array(sv));
  const known = Y.decodeStateVector(vector);
  const agrees = [...told].every(([client, clock]) => known.get(client) === clock);
  console.log(JSON.stringify({ text: doc.getText("code").toString(), whole, agrees }));
  room.disconnect();
});
