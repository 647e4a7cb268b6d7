// Who comes back with Bind 2 gets what came meanwhile from the archive, and nothing unasked (XEP-0386 section 3.2).

import { DOMAIN, Session, check, equal, run, step, xml } from "./session.mjs";

const BODIES = Array.from({ length: 5 }, (_, number) => `while away ${number}`);
const waiting = (s) => s.getChildText("body")?.startsWith("while away") ?? false;

/** The bodies that the archive holds of one contact, in one page. */
async function archived(session, contact) {
  const form = xml(
    "x",
    { xmlns: "jabber:x:data", type: "submit" },
    xml("field", { var: "FORM_TYPE", type: "hidden" }, xml("value", {}, "urn:xmpp:mam:2")),
    xml("field", { var: "with" }, xml("value", {}, contact)),
  );
  const query = xml("query", { xmlns: "urn:xmpp:mam:2", queryid: "away" }, form);
  await session.xmpp.iqCaller.request(xml("iq", { type: "set" }, query));
  const results = session.inbox.map((s) => s.getChild("result", "urn:xmpp:mam:2")).filter(Boolean);
  return results.map((r) => r.getChild("forwarded").getChild("message").getChildText("body"));
}

await run(async () => {
  const bob = await new Session("bob").login();
  for (const body of BODIES) await bob.say(`carol@${DOMAIN}`, body);
  await bob.roundTrip();
  check(!bob.inbox.some((s) => s.attrs.type === "error"), "a message was refused");
  step("five messages are accepted for carol, who is away");

  const carol = await new Session("carol").login({ roster: false });
  await carol.roundTrip();
  check(!carol.inbox.some(waiting), "a message came unasked");
  equal(await archived(carol, `bob@${DOMAIN}`), BODIES, "the archive");
  step("carol finds them in the archive, in order");

  await carol.logout();
  await bob.logout();
});
