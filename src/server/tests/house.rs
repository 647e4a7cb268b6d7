//! A node that runs, and sessions in it that say what a test wants.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::FutureExt as _;
use futures_lite::future::yield_now;
use smol::LocalExecutor;

use crate::base::jid::BareJid;
use crate::base::limits::OUTPUT_BYTES_MAX;
use crate::base::secret::Secret;
use crate::config::file::Raw;
use crate::config::settings::Settings;
use crate::core::Input;
use crate::core::order::Bind;
use crate::core::order::WantedResource;
use crate::core::session::LinkId;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::net::clock::Clock;
use crate::net::hub::Hub as _;
use crate::server::dev::Trial;
use crate::server::hub::Node;
use crate::server::pair::boot::Use;
use crate::server::plan;
use crate::server::run::Home;
use crate::server::start;
use crate::server::start::Role;
use crate::stanza::Stanza;
use crate::store::Store;
use crate::store::disk::Disk;
use crate::xml::Element;

const CACHE_BYTES: usize = 1 << 20;

pub(super) struct House {
    pub(super) node: Rc<Node>,
    next_link: Cell<u64>,
}

pub(super) fn settings(assignments: &[(&str, &str)]) -> Settings {
    let mut raw = Raw::default();
    for (key, value) in [("domain", "h")].iter().chain(assignments) {
        raw.set_by_command(key, value);
    }
    raw.check().unwrap()
}

/// A server with what is on the disk, from its start to its orderly stop.
pub(super) fn with_house<F: Future<Output = ()>>(
    disk: &Arc<dyn Disk>,
    test: impl FnOnce(Rc<House>) -> F,
) {
    let settings = settings(&[]);
    let executor = Rc::new(LocalExecutor::new());
    let store = Store::open(Arc::clone(disk), CACHE_BYTES).unwrap();
    let policies = Arc::new(plan::policies(&settings));
    let limits = plan::core_limits(&settings, &Home::Memory(&Trial::default()));
    let home = (Arc::clone(disk), store);
    let role = Role {
        membership: None,
        log_bytes: 0,
        usage: Use::Serve,
    };
    let engine = (policies, limits);
    let started = start::start(Clock::start(), &executor, home, engine, &role).unwrap();
    let (node, _) = started.run_disk();
    let house = Rc::new(House {
        node: Rc::clone(&node),
        next_link: Cell::new(1),
    });
    smol::block_on(executor.run(async {
        let core = executor.spawn(Rc::clone(&node).run());
        let tested = async {
            test(Rc::clone(&house)).await;
            node.begin_stop();
            house.be_still().await;
        };
        let failed = async { panic!("{:?}", core.await) };
        tested.or(failed).await;
    }));
}

impl House {
    /// What was said is done, and durable.
    pub(super) async fn be_still(&self) {
        while !self.node.is_settled() {
            yield_now().await;
        }
    }

    pub(super) async fn add(&self, name: &str) {
        let jid = BareJid::parse(&format!("{name}@h")).unwrap();
        let password = Secret::new(name.as_bytes().into());
        let admin = false;
        let add = Command::AddUser {
            jid,
            password,
            admin,
        };
        assert_eq!(self.node.ask(add).recv().await, Ok(Outcome::Done));
    }

    /// A session; it is there when this returns.
    pub(super) async fn bind(&self, name: &str) -> LinkId {
        let sessions = || self.node.member.borrow().engine.core.facts().sessions;
        let before = sessions();
        let link = LinkId(self.next_link.get());
        self.next_link.set(link.0 + 1);
        let bind = Bind {
            account: BareJid::parse(&format!("{name}@h")).unwrap(),
            resource: WantedResource::Any,
            device: None,
            carbons: false,
            catches_up: false,
        };
        self.node.post(Input::Bind { link, bind });
        while sessions() == before {
            yield_now().await;
        }
        link
    }

    pub(super) fn say(&self, link: LinkId, text: &str) {
        let stanza = Stanza::parse(Element::parse(text.as_bytes()).unwrap()).unwrap();
        let stanza = Arc::new(stanza);
        self.node.post(Input::Stanza { link, stanza });
    }

    /// Everything that the link has said is done.
    pub(super) async fn settle(&self, link: LinkId) -> String {
        self.say(
            link,
            "<iq type='get' id='p' to='h'><ping xmlns='urn:xmpp:ping'/></iq>",
        );
        self.read_until(link, "id='p'").await
    }

    /// Reads what the link is sent, until that has come.
    pub(super) async fn read_until(&self, link: LinkId, end: &str) -> String {
        let mut bytes = Vec::new();
        let mut seen = 0;
        while memchr::memmem::find(&bytes[seen..], end.as_bytes()).is_none() {
            seen = bytes.len().saturating_sub(end.len());
            let mut part = Vec::new();
            self.node.write(link, OUTPUT_BYTES_MAX, &mut part);
            bytes.append(&mut part);
            yield_now().await;
        }
        String::from_utf8(bytes).unwrap()
    }

    /// The bodies of the account's archive, oldest first.
    pub(super) async fn archive(&self, name: &str) -> Vec<String> {
        let link = self.bind(name).await;
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            self.say(
                link,
                &format!(
                    "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'>\
                     <set xmlns='http://jabber.org/protocol/rsm'>{after}</set></query></iq>"
                ),
            );
            let text = self.read_until(link, "</fin></iq>").await;
            found.extend(bodies(&text));
            if text.contains("complete='true'") {
                break;
            }
            let last = text.split("<last>").nth(1).unwrap();
            after = format!("<after>{}</after>", last.split('<').next().unwrap());
        }
        self.node.handle_closed(link, true);
        let sessions = || self.node.member.borrow().engine.core.facts().sessions;
        let before = sessions();
        while sessions() == before {
            yield_now().await;
        }
        found
    }
}

pub(super) fn bodies(text: &str) -> Vec<String> {
    let parts = text.split("<body>").skip(1);
    let body = |part: &str| part.split("</body>").next().unwrap().to_owned();
    parts.map(body).collect()
}
