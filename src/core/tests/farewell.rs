//! An orderly stop: who hears what.

use crate::core::EndReason;
use crate::core::Output;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::now;

#[test]
fn a_stop_ends_streams_that_cannot_resume_and_tells_everybody_of_their_rooms() {
    let mut bench = Bench::new();
    bench.bind(1, "ann", "a");
    bench.open(2, "bob", "b");
    for link in [1, 2] {
        let enter = format!(
            "<presence to='r{link}@rooms.h/n'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        );
        bench.say(link, &enter);
        bench.sync();
        bench.read(link);
    }
    bench.read(1);

    let ended = bench.core.say_farewell(now(1_000));

    let mut last = Vec::new();
    while let Some(output) = bench.core.poll_output() {
        match output {
            Output::Last {
                link: LinkId(1),
                bytes,
            } => last = bytes,
            Output::End { link, why } => assert_eq!((link, why), (LinkId(1), EndReason::Shutdown)),
            _ => {}
        }
    }
    let mut queued = Vec::new();
    bench.core.write(LinkId(2), &mut queued, usize::MAX);
    assert_eq!(ended, 1);
    for (text, own) in [(last, "r1@rooms.h/n"), (queued, "r2@rooms.h/n")] {
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(&format!("from='{own}'")), "{text}");
        assert_eq!(text.matches("type='unavailable'").count(), 1, "{text}");
        assert!(text.contains("<status code='332'/>"), "{text}");
    }
}
