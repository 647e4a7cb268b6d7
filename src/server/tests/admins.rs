//! Who administers is known after a start, whatever of it the tables have.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::server::tests::house::House;
use crate::server::tests::house::with_house;
use crate::store::disk::Disk;
use crate::store::disk::memory::Memory;

async fn set_admin(house: &House, name: &str, admin: bool) {
    let jid = BareJid::parse(&format!("{name}@h")).unwrap();
    let set = Command::SetAdmin { jid, admin };
    assert_eq!(house.node.ask(set).recv().await, Ok(Outcome::Done));
}

/// The list as `ann@h` is shown it.
async fn listed(house: &House) -> Vec<String> {
    let link = house.bind("ann").await;
    house.say(
        link,
        "<iq type='set' id='list' to='h'><command xmlns='http://jabber.org/protocol/commands' \
         node='http://jabber.org/protocol/admin#edit-admin'/></iq>",
    );
    let form = house.read_until(link, "</iq>").await;
    let field = form.split("var='adminjids'").nth(1).unwrap();
    let field = field.split("</field>").next().unwrap();
    let values = field.split("<value>").skip(1);
    let values = values.map(|value| value.split('<').next().unwrap().to_owned());
    values.collect()
}

#[test]
fn administrators_are_listed_after_a_start_from_the_tables_and_from_the_tail() {
    let disk: Arc<dyn Disk> = Arc::new(Memory::default());
    with_house(&disk, |house| async move {
        for name in ["ann", "bob", "eve"] {
            house.add(name).await;
        }
        set_admin(&house, "ann", true).await;
        set_admin(&house, "eve", true).await;
        house.node.checkpoint().await;
        set_admin(&house, "bob", true).await;
        set_admin(&house, "eve", false).await;
    });

    with_house(&disk, |house| async move {
        assert_eq!(listed(&house).await, ["ann@h", "bob@h"]);
        house.node.checkpoint().await;
    });
    with_house(&disk, |house| async move {
        assert_eq!(listed(&house).await, ["ann@h", "bob@h"]);
    });
}
