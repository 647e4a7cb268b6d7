//! What clients were told and shown, and whether two boards stand by it: the checker, without a line of the server's.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::client::tree;
use crate::generator::xml;
use crate::generator::xml::Node;

/// A message as an archive has it: its id there, and its body.
pub(crate) type Kept = (String, String);

/// Everything that clients were told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Body of each message, and who has to find it in their archives.
    acknowledged: BTreeMap<String, [String; 2]>,
    /// By owner: the newest value of an item (XEP-0163) that was acknowledged.
    items: BTreeMap<String, u64>,
    /// Sent again after a break: a board that was cut off may number it when it is alone, later than what
    /// its writer did since (rule U16).
    again_items: BTreeSet<(String, u64)>,
    /// The server said that it did not take it.
    refused: BTreeSet<String>,
    /// By owner and body: the ids under which it was shown, and how often.
    shown: BTreeMap<(String, String), (BTreeSet<String>, u64)>,
    /// How long acknowledgements took, since the last [`Ledger::take_latencies`].
    latencies: Vec<Duration>,
    /// What is being tried: part of every message.
    pub(crate) fault: &'static str,
    /// By the fault in which it was shown again: how often.
    again: BTreeMap<&'static str, u64>,
    /// The first acknowledgement since the last [`Ledger::watch`].
    first: Option<std::time::Instant>,
}

/// What was found at the end.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    pub(crate) lost: BTreeSet<String>,
    /// In an archive under two ids.
    pub(crate) doubled: BTreeSet<String>,
    /// Shown under two ids.
    pub(crate) shown_twice: BTreeSet<String>,
    /// Shown more than once, under one id.
    pub(crate) repeated: u64,
    pub(crate) again: BTreeMap<&'static str, u64>,
    /// Acknowledged, and never shown to the one it was for: only in the archive.
    pub(crate) not_shown: usize,
    pub(crate) differ: BTreeSet<String>,
}

impl Ledger {
    pub(crate) fn acknowledge(&mut self, body: &str, from: &str, to: &str) {
        let owners = [from.to_owned(), to.to_owned()];
        self.acknowledged.insert(body.to_owned(), owners);
        self.first.get_or_insert_with(std::time::Instant::now);
    }

    pub(crate) fn acknowledge_item(&mut self, owner: &str, value: u64) {
        let newest = self.items.entry(owner.to_owned()).or_default();
        *newest = value.max(*newest);
    }

    pub(crate) fn item_again(&mut self, owner: &str, value: u64) {
        self.again_items.insert((owner.to_owned(), value));
    }

    /// Against what both boards show of each user's item: the newest acknowledged, or a newer one.
    pub(crate) fn judge_items(
        &self,
        shown: &BTreeMap<String, [Option<u64>; 2]>,
    ) -> BTreeSet<String> {
        let mut broken = BTreeSet::new();
        for (owner, [one, other]) in shown {
            let newest = self.items.get(owner).copied();
            let is_again = one.is_some_and(|one| self.again_items.contains(&(owner.clone(), one)));
            if one != other || *one < newest && !is_again {
                broken.insert(format!(
                    "{owner}: {newest:?} acknowledged, {one:?} and {other:?} there"
                ));
            }
        }
        broken
    }

    pub(crate) fn item_count(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn refuse(&mut self, body: &str) {
        self.refused.insert(body.to_owned());
    }

    pub(crate) fn show(&mut self, owner: &str, body: &str, id: &str) {
        let key = (owner.to_owned(), body.to_owned());
        let (ids, count) = self.shown.entry(key).or_default();
        ids.insert(id.to_owned());
        *count += 1;
        if *count > 1 {
            *self.again.entry(self.fault).or_default() += 1;
        }
    }

    pub(crate) fn note(&mut self, took: Duration) {
        self.latencies.push(took);
    }

    pub(crate) fn take_latencies(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.latencies)
    }

    pub(crate) fn watch(&mut self) {
        self.first = None;
    }

    pub(crate) fn first(&self) -> Option<std::time::Instant> {
        self.first
    }

    /// Against the archives of every user on both boards.
    pub(crate) fn judge(&self, archives: &BTreeMap<String, [Vec<Kept>; 2]>) -> Verdict {
        let mut verdict = Verdict {
            again: self.again.clone(),
            ..Verdict::default()
        };
        let taken = self.acknowledged.iter();
        let taken = taken.filter(|(body, _)| !self.refused.contains(*body));
        for (body, owners) in taken {
            verdict.acknowledged += 1;
            for owner in owners {
                let has = |kept: &Vec<Kept>| kept.iter().any(|(_, own)| own == body);
                if !archives.get(owner).is_some_and(|both| both.iter().all(has)) {
                    verdict.lost.insert(format!("{body} of {owner}"));
                }
            }
            let [_, to] = owners;
            let key = (to.clone(), body.clone());
            verdict.not_shown += usize::from(!self.shown.contains_key(&key));
        }
        for (owner, both) in archives {
            let [one, other] = both;
            if one != other {
                verdict.differ.insert(owner.clone());
            }
            let mut seen = BTreeSet::new();
            for (_, body) in one {
                if !seen.insert(body) {
                    verdict.doubled.insert(format!("{body} of {owner}"));
                }
            }
        }
        for ((owner, body), (ids, count)) in &self.shown {
            if ids.len() > 1 {
                verdict.shown_twice.insert(format!("{body} to {owner}"));
            }
            verdict.repeated += count - 1;
        }
        verdict
    }
}

/// The id that the archive of its owner gave a message that was delivered (XEP-0359).
pub(crate) fn stanza_id<'a>(message: &'a Node, owner: &str) -> Option<&'a str> {
    let by = format!("{owner}@localhost");
    let mut ids = message
        .children
        .iter()
        .filter(|child| child.name == "stanza-id");
    ids.find(|child| child.attr("by") == Some(&by))?.attr("id")
}

/// Somebody's item, as one board shows it.
pub(crate) async fn item(ground: &Ground, ports: Ports, user: &str) -> Outcome<Option<u64>> {
    let mut client = ground
        .login(ports, Security::Plain, user, "checker")
        .await?;
    client.send(
        "<iq type='get' id='item'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <items node='pair:test'/></pubsub></iq>",
    );
    let answer = loop {
        let element = tree(client.next().await?)?;
        if element.attr("id") == Some("item") {
            break element;
        }
    };
    client.close().await?;
    let element = answer.at(&["pubsub", "items", "item", "value"]);
    Ok(element.and_then(|element| element.text.parse().ok()))
}

/// A whole archive (XEP-0313), as one board shows it.
pub(crate) async fn archive(ground: &Ground, ports: Ports, user: &str) -> Outcome<Vec<Kept>> {
    let mut client = ground
        .login(ports, Security::Plain, user, "checker")
        .await?;
    let mut kept: Vec<Kept> = Vec::new();
    loop {
        let after = kept.last().map_or_else(String::new, |(id, _)| {
            format!("<after>{}</after>", xml::escaped(id))
        });
        client.send(&format!(
            "<iq type='set' id='page'><query xmlns='urn:xmpp:mam:2'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>100</max>{after}</set></query></iq>"
        ));
        if read_page(&mut client, &mut kept).await? {
            break;
        }
    }
    client.close().await?;
    Ok(kept)
}

async fn read_page(client: &mut Client, kept: &mut Vec<Kept>) -> Outcome<bool> {
    loop {
        let element = tree(client.next().await?)?;
        if let Some(result) = element.child("result") {
            let body = result.at(&["forwarded", "message", "body"]);
            let body = body.map(|body| body.text.clone()).unwrap_or_default();
            kept.push((result.attr("id").unwrap_or_default().to_owned(), body));
        } else if element.attr("id") == Some("page") {
            let fin = element.child("fin");
            assert!(fin.is_some(), "{element:?}");
            return Ok(fin.and_then(|fin| fin.attr("complete")) == Some("true"));
        }
    }
}
