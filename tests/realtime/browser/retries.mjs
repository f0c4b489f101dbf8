// The real client with `retries`: says three things in a room, while answers are lost. Prints
// what it was answered in the end, and how many answers were lost, as JSON.
import { io } from "socket.io-client";

const [url, token, interviewId] = process.argv.slice(2);
setTimeout(() => process.exit(1), 30_000).unref();

let toLose = 0;
let lost = 0;

const open = () =>
  new Promise((joined) => {
    const options = { auth: { token }, retries: 3, ackTimeout: 400, forceNew: true };
    const socket = io(`${url}/interview`, options);
    const onack = socket.onack;
    socket.onack = (packet) => {
      if (toLose > 0) {
        toLose -= 1;
        lost += 1;
      } else onack.call(socket, packet);
    };
    socket.emit("joinRoom", { interviewId }, () => joined(socket));
  });

const say = (socket, message) =>
  new Promise((done, fail) => {
    const event = { interviewId, message, clientId: `message ${message}` };
    socket.emit("chatMessage", event, (error, answer) => (error ? fail(error) : done(answer)));
  });

let socket = await open();
const answers = [await say(socket, "0")];
toLose = 2;
answers.push(await say(socket, "1"));
// The connection goes with the answer, and the page says it again over another one.
toLose = 1;
say(socket, "2").catch(() => {});
while (toLose) await new Promise((done) => setTimeout(done, 5));
socket.disconnect();
socket = await open();
answers.push(await say(socket, "2"));
console.log(JSON.stringify({ answers, lost }));
socket.disconnect();
