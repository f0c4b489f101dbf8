// Two minimal clients type at once at random places, while one loses its connection, and
// say something each; the first begins with a token that soon ends. Prints what both have in
// the end as JSON.
import { InterviewClient } from "./minimal-client.mjs";

const [url, first, second, interviewId, ending, endsAt] = process.argv.slice(2);
const tokens = [[ending, first], [second]];
const clients = tokens.map(
  (own) => new InterviewClient(url, async () => (own.length > 1 ? own.shift() : own[0]), interviewId),
);
let disconnects = 0;
clients[0].socket.on("disconnect", () => (disconnects += 1));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const fail = (reason) => {
  console.error(String(reason));
  process.exit(1);
};
setTimeout(() => fail("too slow"), 40_000).unref();

const until = async (probe) => {
  while (!probe()) await sleep(20);
};

await until(() => clients.every((client) => client.joined));
for (let round = 0; round < 200; round += 1) {
  clients.forEach((client, who) => {
    const characters = [...client.code.toString()];
    const before = Math.floor(Math.random() * (characters.length + 1));
    const at = characters.slice(0, before).join("").length;
    client.code.insert(at, who ? "🦉" : "ö");
  });
  if (round === 30) clients[1].socket.io.engine.close();
  await sleep(5);
}
await until(() => clients.every((client) => client.joined));
for (const [who, client] of clients.entries()) await client.say(`from ${who}`);
const count = (text, letter) => text.split(letter).length - 1;
await until(() => {
  const [one, other] = clients.map((client) => client.code.toString());
  return one === other && count(one, "🦉") === 200 && count(one, "ö") === 200;
});
await until(() => clients.every((client) => client.messages.length >= 2));
// By then the service has closed whatever the first token alone keeps open.
await until(() => Date.now() > Number(endsAt) + 3_000);
console.log(
  JSON.stringify({
    disconnects,
    text: clients[0].code.toString(),
    messages: clients.map((client) => client.messages.map(({ message }) => message)),
  }),
);
clients.forEach((client) => client.leave());
