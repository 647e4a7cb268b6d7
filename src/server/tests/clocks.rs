//! What a clock that is wrong does to a start.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::net::entropy::SystemEntropy;
use crate::server::start;
use crate::server::start::Space;
use crate::server::tests::house::with_house;
use crate::store::Store;
use crate::store::disk::Disk;
use crate::store::disk::memory::Memory;

/// A board without a clock battery starts in 1970: its log is all that it knows of the time.
#[test]
fn a_start_knows_the_newest_date_of_what_the_tables_hold() {
    let disk: Arc<dyn Disk> = Arc::new(Memory::default());
    with_house(&disk, |house| async move {
        house.add("alice").await;
        house.add("bob").await;
        house.node.checkpoint().await;
    });
    let store = Store::open(Arc::clone(&disk), 1 << 20).unwrap();
    let jid = BareJid::parse("bob@h").unwrap();
    let Record::Account { account } = store.load(&RecordKey::Account { jid }).unwrap() else {
        panic!("no account");
    };
    let written = account.rows.cell(&RowName::Account).unwrap().stamp;

    let space = Space::default();
    let found = start::open_log(disk, &store, &space, &mut SystemEntropy::new()).unwrap();

    assert!(found.boot.stamp >= written, "{:?}", found.boot.stamp);
}
