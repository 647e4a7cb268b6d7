// What is sent to somebody who is away arrives once, in order, on the return.

import { DOMAIN, Session, check, equal, run, step } from "./session.mjs";

const waiting = (s) => s.getChildText("body")?.startsWith("while away") ?? false;

await run(async () => {
  const bob = await new Session("bob").login();
  for (let number = 0; number < 5; number += 1) await bob.say(`carol@${DOMAIN}`, `while away ${number}`);
  await bob.roundTrip();
  check(!bob.inbox.some((s) => s.attrs.type === "error"), "a message was refused");

  const carol = await new Session("carol").login({ roster: false });
  for (let number = 0; number < 5; number += 1) {
    const heard = await carol.expect(waiting, `message ${number}`);
    equal(heard.getChildText("body"), `while away ${number}`, "order");
    check(heard.getChild("delay", "urn:xmpp:delay"), "an old message without its time");
  }
  step("all that was sent is there on the return, with its time");
  await carol.roundTrip();
  await carol.logout();

  const again = await new Session("carol").login({ roster: false });
  await again.roundTrip();
  check(!again.inbox.some(waiting), "a message came twice");
  step("it does not come again");
  await again.logout();
  await bob.logout();
});
