// Two minimal clients type at once at random places, while one loses its connection, and
// say something each. Prints what both have in the end as JSON.
import { InterviewClient } from "./minimal-client.mjs";

const [url, first, second, interviewId] = process.argv.slice(2);
const clients = [first, second].map((token) => new InterviewClient(url, token, interviewId));
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
console.log(
  JSON.stringify({
    text: clients[0].code.toString(),
    messages: clients.map((client) => client.messages.map(({ message }) => message)),
  }),
);
clients.forEach((client) => client.leave());
