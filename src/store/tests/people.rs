//! People are found by their vCards, wherever these stand by now.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::tail::Tail;
use crate::effect::people::PeopleSearch;
use crate::effect::query::Found;
use crate::effect::query::Question;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::op::Durable;
use crate::model::position::Index;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::memory;
use crate::store::tests::apply::write;
use crate::store::tests::script::Script;
use crate::store::tests::script::Step;
use crate::store::tests::script::bare;

fn row(who: &str, name: RowName, row: Option<Row>) -> Durable {
    let record = RecordKey::Account { jid: bare(who) };
    Durable::Row { record, name, row }
}

fn account(who: &str, state: AccountState) -> Durable {
    let account = AccountRow {
        incarnation: Incarnation(u64::try_from(who.len()).unwrap()),
        state,
        admin: false,
        created: Timestamp::from_unix_ms(0),
    };
    row(who, RowName::Account, Some(Row::Account { row: account }))
}

fn card(who: &str, nick: &str) -> Durable {
    let card = format!("<vCard xmlns='vcard-temp'><NICKNAME>{nick}</NICKNAME></vCard>");
    let bytes = card.into_bytes().into();
    row(who, RowName::VCard, Some(Row::Bytes { bytes }))
}

#[test]
fn people_are_found_in_the_tables_and_in_the_tail() {
    let names = ["ann", "bob", "carl", "dora", "eve", "fay"];
    let [ann, bob, carl, dora, eve, fay] = names;
    let mut script = Script::new(1);
    for who in [ann, bob, carl, dora, eve] {
        script.number(vec![account(who, AccountState::Enabled)]);
    }
    // Eve tells nothing of herself, and bob is not who is looked for.
    for (who, nick) in [
        (ann, "Sunny"),
        (bob, "Cloudy"),
        (carl, "Sunny"),
        (dora, "sunny"),
    ] {
        script.number(vec![card(who, nick)]);
    }
    let older = script.steps.len();
    script.number(vec![account(carl, AccountState::Disabled)]);
    script.number(vec![card(bob, "very s\u{fc}nny")]);
    script.number(vec![row(dora, RowName::VCard, None)]);
    script.number(vec![account(fay, AccountState::Enabled)]);
    script.number(vec![card(fay, "SUNNY")]);
    let question = Question::People {
        search: PeopleSearch {
            texts: ["", "", "sunny", ""].map(Into::into),
            is_form: false,
        },
    };
    for checkpoint in [older, script.steps.len()] {
        let mut tail = Tail::new(Monotonic::default(), Index::default());
        let store = memory(1 << 20).unwrap();
        let (written, newer) = script.steps.split_at(checkpoint);
        write(&store, written);
        for step in newer {
            if let Step::Entry(index, entry) = step {
                tail.recover(*index, Arc::clone(entry));
            }
        }

        let (found, _) = store.ask(&question, &tail.horizon(&question)).unwrap();

        let Found::People { people } = found else {
            panic!("{found:?}")
        };
        let found: Vec<_> = people.into_iter().map(|person| person.jid).collect();
        assert_eq!(found, [ann, bob, fay].map(bare));
    }
}
