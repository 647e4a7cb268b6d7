//! Archives of large messages: pages are shorter, and nothing is left out.

use std::sync::Arc;

use crate::base::limits::PAGE_BYTES_MAX;
use crate::server::tests::house::bodies;
use crate::server::tests::house::with_house;
use crate::store::disk::Disk;
use crate::store::disk::memory::Memory;

const BODY_BYTES: usize = 100_000;
const COUNT: usize = 15;

#[test]
fn whoever_pages_through_large_messages_gets_all_of_them_in_pages_of_bounded_size() {
    let disk: Arc<dyn Disk> = Arc::new(Memory::default());
    with_house(&disk, async |house| {
        let text = |number: usize| format!("{} {number}", "x".repeat(BODY_BYTES));
        let texts: Vec<String> = (0..COUNT).map(text).collect();
        house.add("alice").await;
        house.add("bob").await;
        let alice = house.bind("alice").await;
        for text in &texts {
            house.say(
                alice,
                &format!("<message type='chat' to='bob@h'><body>{text}</body></message>"),
            );
            house.settle(alice).await;
            house.node.checkpoint().await;
        }

        assert_eq!(house.archive("alice").await, texts);

        let newest = "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'>\
                      <set xmlns='http://jabber.org/protocol/rsm'><before/></set></query></iq>";
        house.say(alice, newest);
        let page = house.read_until(alice, "</fin></iq>").await;
        let on_page = bodies(&page);
        assert!(!page.contains("complete='true'"));
        assert_eq!(on_page.len(), PAGE_BYTES_MAX / BODY_BYTES + 1);
        assert!(texts.ends_with(&on_page));

        // What waits for Bob is read back as he takes it.
        let bob = house.bind("bob").await;
        house.say(bob, "<presence/>");
        let late = house.read_until(bob, " 14</body>").await;
        assert_eq!(bodies(&late), texts);
    });
}
