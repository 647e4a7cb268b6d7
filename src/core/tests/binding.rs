//! What a new session begins with, and whom it replaces (XEP-0386); how a session is ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::time::Timestamp;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::Output;
use crate::core::order::Bind;
use crate::core::order::WantedResource;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::account;
use crate::core::tests::harness::bare;
use crate::effect::query::Found;
use crate::model::account::ArchiveDefault;
use crate::model::account::Preferences;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::row::Row;
use crate::model::row::RowName;

/// A bind as of Bind 2, with carbons.
fn bind(bench: &mut Bench, link: u64, name: &str, device: &str) {
    bench.step(Input::Bind {
        link: LinkId(link),
        bind: Bind {
            account: bare(name),
            resource: WantedResource::Any,
            device: Some(device.into()),
            carbons: true,
            catches_up: true,
        },
    });
}

/// The archive's ends are found; what the streams are told of their binds.
fn find_ends(bench: &mut Bench) -> Vec<Option<String>> {
    let outputs = std::mem::take(&mut bench.outputs);
    for output in outputs {
        if let Output::Ask { query, .. } = output {
            let end = Some((Position::ZERO, Timestamp::from_unix_ms(0)));
            let found = Found::Ends {
                first: end,
                last: end,
            };
            let upto = Index::default();
            bench.step(Input::Answered { query, found, upto });
        } else {
            bench.outputs.push(output);
        }
    }
    let bound = bench.outputs.iter().filter_map(|output| match output {
        Output::Bound { metadata, .. } => Some(metadata.clone()),
        _ => None,
    });
    let text = |bytes: Arc<[u8]>| String::from_utf8(bytes.to_vec()).unwrap();
    bound.map(|metadata| metadata.map(text)).collect()
}

#[test]
fn a_session_ends_the_earlier_one_of_its_device() {
    let mut bench = Bench::new();
    bind(&mut bench, 1, "ann", "phone");
    bind(&mut bench, 2, "ann", "desk");
    bind(&mut bench, 3, "bob", "phone");
    find_ends(&mut bench);

    bind(&mut bench, 4, "ann", "phone");
    bench.sync();

    assert_eq!(bench.end_of(1), Some(EndReason::Conflict));
    assert_eq!((bench.end_of(2), bench.end_of(3)), (None, None));
}

#[test]
fn a_stream_hears_of_its_session_before_anything_else() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bind(&mut bench, 2, "ann", "phone");
    bench.chat(1, "bob@h", "hi");
    bench.sync();
    let early = bench.read(2).len();
    let bound = find_ends(&mut bench);

    assert_eq!(early, 0);
    let [None, Some(metadata)] = bound.as_slice() else {
        panic!("{bound:?}");
    };
    assert!(
        metadata.starts_with("<metadata xmlns='urn:xmpp:mam:2'><start id="),
        "{metadata}"
    );
    assert_eq!(
        bench.read(2).len(),
        1,
        "the copy of what the other device sent"
    );
}

#[test]
fn who_catches_up_is_sent_what_the_archive_lacks_alone() {
    let mut bench = Bench::new();
    let preferences = Preferences {
        default: ArchiveDefault::Never,
        always: BTreeSet::new(),
        never: BTreeSet::new(),
    };
    let row = Row::Preferences {
        preferences: Arc::new(preferences),
    };
    let name = RowName::Preferences;
    let (at, stamp) = (Position::ZERO, Hlc::default());
    bench.tables.put(account("cid"), name, at, stamp, Some(row));
    bench.open(1, "ann", "a");
    for body in ["one", "two"] {
        bench.chat(1, "bob@h", body);
        bench.chat(1, "cid@h", body);
    }
    bench.sync();

    for (link, name) in [(2, "bob"), (3, "cid")] {
        bind(&mut bench, link, name, "phone");
        find_ends(&mut bench);
        bench.say(link, "<presence/>");
    }
    bench.sync();

    assert_eq!(bench.bodies(2), Vec::<String>::new());
    assert_eq!(bench.bodies(3), ["one", "two"]);
}

#[test]
fn who_ends_its_account_gets_the_answer_before_the_end() {
    let mut bench = Bench::new();
    bench.bind(1, "ann", "a");
    bench.say(
        1,
        "<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>",
    );
    assert_eq!(bench.end_of(1), None, "it is not durable yet");
    bench.sync();

    let told = bench.outputs.iter().filter_map(|output| match output {
        Output::Last { bytes, .. } => Some(String::from_utf8(bytes.clone()).unwrap()),
        Output::End { why, .. } => Some(format!("{why:?}")),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    let [answer, end] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(
        answer.contains("type='result'") && answer.contains("id='bye'"),
        "{answer}"
    );
    assert_eq!(end, "NotAuthorized");
}

/// More ops than a byte can number come with one request.
#[test]
fn a_long_block_list_comes_and_goes_at_once() {
    let mut bench = Bench::new();
    bench.bind(1, "ann", "a");
    let items: Vec<String> = (0..600)
        .map(|number| format!("<item jid='u{number}@h'/>"))
        .collect();
    for list in [
        format!(
            "<block xmlns='urn:xmpp:blocking'>{}</block>",
            items.concat()
        ),
        "<unblock xmlns='urn:xmpp:blocking'/>".into(),
    ] {
        bench.say(1, &format!("<iq type='set' id='1'>{list}</iq>"));
        bench.sync();
        bench.chat(1, "u599@h", "hi");
    }
    let bodies = |seen: &crate::testing::sim::reading::Seen| format!("{seen:?}");
    let seen: Vec<String> = bench.read(1).iter().map(bodies).collect();
    assert_eq!(seen.len(), 4, "{seen:?}");
}
