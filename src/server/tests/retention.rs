//! What the broom sweeps away goes through the log like every change, and what somebody waits for stays.

use std::sync::Arc;

use crate::base::time::Timestamp;
use crate::net::clock::Clock;
use crate::server::retention;
use crate::server::tests::house::House;
use crate::server::tests::house::bodies;
use crate::server::tests::house::settings;
use crate::server::tests::house::with_house;
use crate::store::RetentionLimits;
use crate::store::disk::Disk;
use crate::store::disk::memory::Memory;

const DAY_MS: u64 = 86_400_000;

fn days_on(days: u64) -> Timestamp {
    Timestamp::from_unix_ms(Clock::of_the_day().unix_ms() + days * DAY_MS)
}

fn limits(assignments: &[(&str, &str)]) -> RetentionLimits {
    retention::limits(&settings(assignments))
}

/// Alice has written to Bob, who has not been there since.
async fn chat(house: &House, texts: &[&str]) {
    for name in ["alice", "bob"] {
        house.add(name).await;
    }
    let alice = house.bind("alice").await;
    for text in texts {
        house.say(
            alice,
            &format!("<message type='chat' to='bob@h'><body>{text}</body></message>"),
        );
        let answer = house.settle(alice).await;
        assert!(!answer.contains("type='error'"), "{answer}");
        house.node.checkpoint().await;
    }
}

async fn sweep(house: &House, limits: &RetentionLimits, now: Timestamp) {
    retention::sweep(&house.node, limits, now).await;
    house.be_still().await;
    house.node.checkpoint().await;
}

#[test]
fn what_is_too_old_goes_for_good_and_what_bob_waits_for_stays() {
    let disk: Arc<dyn Disk> = Arc::new(Memory::default());
    with_house(&disk, async |house| {
        chat(&house, &["one", "two", "three"]).await;
        let limits = limits(&[("retention.archive_days", "30")]);

        sweep(&house, &limits, days_on(29)).await;
        assert_eq!(house.archive("alice").await, ["one", "two", "three"]);

        sweep(&house, &limits, days_on(31)).await;
        assert!(house.archive("alice").await.is_empty());
        // Messages for offline users have 90 days.
        assert_eq!(house.archive("bob").await, ["one", "two", "three"]);
    });

    with_house(&disk, async |house| {
        assert!(house.archive("alice").await.is_empty());
        let bob = house.bind("bob").await;
        house.say(bob, "<presence/>");
        let text = house.read_until(bob, "three</body>").await;
        assert_eq!(bodies(&text), ["one", "two", "three"]);
    });
}

#[test]
fn what_nobody_came_for_goes_in_the_end() {
    let disk: Arc<dyn Disk> = Arc::new(Memory::default());
    with_house(&disk, async |house| {
        chat(&house, &["one"]).await;

        sweep(&house, &limits(&[]), days_on(366)).await;

        assert!(house.archive("bob").await.is_empty());
    });

    with_house(&disk, async |house| {
        let bob = house.bind("bob").await;
        house.say(bob, "<presence/>");
        let text = house.settle(bob).await;
        assert!(bodies(&text).is_empty(), "{text}");
    });
}

/// The oldest go, and what Bob waits for stays whatever its bytes.
#[test]
fn an_archive_beyond_its_bytes_loses_its_oldest_messages() {
    let disk: Arc<dyn Disk> = Arc::new(Memory::default());
    with_house(&disk, async |house| {
        let texts: Vec<String> = (0..15)
            .map(|n| format!("{n} {}", "x".repeat(100_000)))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        chat(&house, &texts).await;
        let limits = limits(&[("quota.account_mib", "1")]);

        sweep(&house, &limits, Clock::of_the_day()).await;

        let left = house.archive("alice").await;
        assert_eq!(left, texts[texts.len() - left.len()..]);
        assert!((9..=10).contains(&left.len()), "{}", left.len());
        assert_eq!(house.archive("bob").await, texts);
    });
}
