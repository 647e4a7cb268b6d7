//! Single rules: greetings that are refused, timers, flow control, what an epoch of both stands on.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::mirror_limits::MIRROR_CLOSED_MS;
use crate::base::mirror_limits::MIRROR_SILENCE_MS;
use crate::base::mirror_limits::MIRROR_SLOW_MS;
use crate::mirror::Input;
use crate::mirror::Notice;
use crate::mirror::Output;
use crate::mirror::Start;
use crate::mirror::State;
use crate::mirror::fault::Fault;
use crate::mirror::fault::Refusal;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Hello;
use crate::mirror::tests::board::entry;
use crate::mirror::tests::end::End;
use crate::mirror::tests::end::FIRST;
use crate::mirror::tests::end::begin;
use crate::mirror::tests::end::hello;
use crate::mirror::tests::end::record;
use crate::mirror::tests::end::start;
use crate::mirror::tests::world::BOOT_WAIT_MS;
use crate::mirror::tests::world::World;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;

#[test]
fn a_greeting_that_does_not_fit_is_refused_by_name() {
    let base = || hello(0);
    let cases = [
        (
            Hello {
                version_min: 200,
                version: 201,
                ..base()
            },
            Fault::PeerVersion { min: 200, max: 201 },
            Refusal::Version,
        ),
        (
            Hello { pair: 8, ..base() },
            Fault::PeerOfOtherPair,
            Refusal::OtherPair,
        ),
        (hello(1), Fault::PeerIsNode { node: 1 }, Refusal::SameNode),
    ];
    for (hello, fault, refusal) in cases {
        let end = End::greeted(start(1), hello);
        assert_eq!(end.fault(), Some(fault));
        assert_eq!(end.sent.last(), Some(&Frame::Bye { refusal }));
        assert!(matches!(
            end.rest.as_slice(),
            [
                Output::Close { wire: 1 },
                Output::Notice(Notice::Lost { .. })
            ]
        ));
    }
}

#[test]
fn two_blank_boards_do_not_make_a_pair() {
    let blank = Start {
        joining: true,
        ..start(1)
    };
    let hello = Hello {
        joining: true,
        ..hello(0)
    };
    assert_eq!(End::greeted(blank, hello).fault(), Some(Fault::BothJoin));
}

#[test]
fn who_serves_leads_then_who_is_no_joiner_then_the_first_board() {
    let asks = |start: Start, hello: Hello| {
        let mut end = End::greeted(start, hello);
        end.hears(&Frame::Level);
        end.sent.contains(&Frame::Freeze)
    };
    let serves = |node| Hello {
        serves: true,
        ..hello(node)
    };
    let joins = |node| Hello {
        joining: true,
        ..hello(node)
    };
    assert!(asks(start(0), hello(1)));
    assert!(!asks(start(1), hello(0)));
    assert!(!asks(start(0), serves(1)));
    assert!(asks(start(1), joins(0)));
    assert!(!asks(
        start(0),
        Hello {
            joining: true,
            ..serves(1)
        }
    ));
}

#[test]
fn a_frame_out_of_place_closes_the_link() {
    let mut end = End::new(start(1));
    end.step(Input::Connected { wire: 1 });
    end.hears(&Frame::Level);
    assert_eq!(end.fault(), Some(Fault::PeerUnexpected { frame: "LEVEL" }));
    for frame in [
        Frame::Frozen,
        begin(FIRST, Vec::new()),
        Frame::Hello {
            hello: Arc::new(hello(0)),
        },
        Frame::Durable {
            epoch: FIRST,
            seq: 9,
            taken: 0,
        },
    ] {
        let mut end = End::greeted(start(1), hello(0));
        end.hears(&frame);
        let frame = frame.name();
        assert_eq!(end.fault(), Some(Fault::PeerUnexpected { frame }));
    }
}

#[test]
fn a_record_without_its_epoch_closes_the_link() {
    let mut end = End::greeted(start(1), hello(0));
    let known = Position::new(FIRST, 5, 0);
    end.hears(&record(known));
    assert_eq!(end.fault(), None);
    let position = Position::new(
        Epoch {
            counter: 2,
            ..FIRST
        },
        1,
        0,
    );
    end.hears(&record(position));
    assert_eq!(end.fault(), Some(Fault::PeerOrphan { position }));
}

#[test]
fn an_epoch_of_both_stands_on_everything_that_is_here() {
    let (end, epoch) = End::following();
    assert_eq!(end.state(), State::Paired { leads: false });
    for parents in [Vec::new(), vec![Position::new(FIRST, 3, 0)]] {
        let mut end = End::greeted(start(1), hello(0));
        end.hears(&Frame::Freeze);
        end.hears(&begin(epoch, parents));
        assert_eq!(end.fault(), Some(Fault::PeerEpoch { epoch }));
    }
}

#[test]
fn marks_count_in_their_epoch_only() {
    let (mut end, epoch) = End::following();
    let position = Position::new(epoch, 1, 0);
    let commits = |end: &End| {
        let is_commit =
            |output: &&Output| matches!(output, Output::Commit { upto } if *upto == position);
        end.rest.iter().filter(is_commit).count()
    };
    end.hears(&Frame::Entry {
        ticket: None,
        is_durable: true,
        bytes: entry(position, Hlc::default(), 1),
    });
    end.length += 1;
    end.mirror
        .handle_appended(end.length, position, Hlc::default());
    end.step(Input::Durable { upto: end.length });
    let mark = |epoch| Frame::Durable {
        epoch,
        seq: 1,
        taken: 0,
    };
    end.hears(&mark(FIRST));
    assert_eq!(commits(&end), 0);
    end.hears(&mark(epoch));
    assert_eq!(commits(&end), 1);
}

#[test]
fn numbers_that_go_back_close_the_link() {
    let (mut end, epoch) = End::following();
    let entry_at = |seq| Frame::Entry {
        ticket: None,
        is_durable: true,
        bytes: entry(Position::new(epoch, seq, 0), Hlc::default(), 1),
    };
    end.hears(&entry_at(2));
    end.hears(&entry_at(2));
    let position = Position::new(epoch, 2, 0);
    assert_eq!(end.fault(), Some(Fault::PeerOutOfOrder { position }));
}

#[test]
fn a_closed_connection_and_a_silent_one_end_the_wait_at_their_times() {
    let (mut end, _) = End::following();
    end.step(Input::Closed { wire: 1 });
    end.waits(MIRROR_CLOSED_MS - 100, false);
    assert!(matches!(end.state(), State::Waiting { .. }));
    end.waits(100, false);
    assert_eq!(end.state(), State::Alone);

    let (mut end, _) = End::following();
    end.waits(MIRROR_SILENCE_MS - 100, false);
    assert_eq!(end.state(), State::Paired { leads: false });
    end.waits(100, false);
    assert_eq!(end.state(), State::Alone);
}

#[test]
fn a_board_that_stops_in_order_is_not_waited_for() {
    let (mut end, _) = End::following();
    end.hears(&Frame::Bye {
        refusal: Refusal::Stopping,
    });
    assert_eq!(end.state(), State::Alone);
    let is_told = end.rest.iter().any(|output| {
        matches!(output, Output::Lead { record, paired: false }
            if record.mode == Mode::Solo && record.parents.len() == 1)
    });
    assert!(is_told);
}

/// What is said of the other board after an epoch of both, and with how many records.
fn mourns(end: &End) -> bool {
    let gone = end
        .rest
        .iter()
        .filter(|one| matches!(one, Output::PeerGone));
    assert_eq!(gone.count(), 1);
    end.rest.iter().any(|one| matches!(one, Output::PeerDied))
}

#[test]
fn a_board_that_closes_without_a_word_and_does_not_come_back_has_died() {
    let (mut end, _) = End::following();
    end.step(Input::Closed { wire: 1 });
    end.waits(MIRROR_CLOSED_MS - 100, false);
    assert!(!mourns(&end), "it may be back");
    end.waits(100, false);
    assert!(mourns(&end));
    assert_eq!(end.state(), State::Alone);
}

#[test]
fn a_board_that_stops_has_died_and_one_that_is_silent_or_left_may_live() {
    for (refusal, has_died) in [(Refusal::Stopping, true), (Refusal::GoingAlone, false)] {
        let (mut end, _) = End::following();
        end.hears(&Frame::Bye { refusal });
        end.waits(MIRROR_CLOSED_MS, false);
        assert_eq!(mourns(&end), has_died, "{refusal}");
    }
    for is_broken in [false, true] {
        let (mut end, _) = End::following();
        if is_broken {
            end.step(Input::Broken { wire: 1 });
        }
        end.waits(2 * MIRROR_SILENCE_MS, false);
        assert!(!mourns(&end));
    }
}

#[test]
fn a_board_that_is_back_at_once_has_died_if_it_began_anew() {
    for salt in [hello(0).salt, hello(0).salt + 1] {
        let (mut end, _) = End::following();
        end.step(Input::Closed { wire: 1 });
        end.step(Input::Connected { wire: 2 });
        let hello = Hello { salt, ..hello(0) };
        let greeting = Frame::Hello {
            hello: Arc::new(hello),
        };
        let bytes = greeting.write();
        end.step(Input::Received { wire: 2, bytes });
        assert_eq!(mourns(&end), salt != super::end::hello(0).salt);
    }
}

#[test]
fn a_server_that_stops_begins_no_epoch_of_its_own() {
    let (mut end, _) = End::following();
    end.step(Input::Stop);
    end.waits(2 * MIRROR_CLOSED_MS, false);
    let alone = |one: &Output| matches!(one, Output::Lead { .. });
    assert!(!end.rest.iter().any(alone));
}

#[test]
fn a_board_whose_disk_stands_still_is_left() {
    let (mut end, epoch) = End::following();
    let position = Position::new(epoch, 1, 0);
    end.length += 1;
    end.mirror
        .handle_appended(end.length, position, Hlc::default());
    end.step(Input::Durable { upto: end.length });
    end.waits(MIRROR_SLOW_MS - 100, true);
    assert_eq!(end.state(), State::Paired { leads: false });
    end.waits(200, true);
    assert_eq!(end.state(), State::Alone);
    let ms = MIRROR_SLOW_MS;
    assert_eq!(end.fault(), Some(Fault::PeerSlow { ms }));
}

#[test]
fn a_start_after_an_epoch_of_both_waits_and_any_other_does_not() {
    let mut end = End::new(start(0));
    end.waits(29_900, false);
    assert!(matches!(end.state(), State::Waiting { .. }));
    end.waits(100, false);
    assert_eq!(end.state(), State::Alone);

    let mut end = End::new(Start {
        mode: Mode::Solo,
        ..start(0)
    });
    end.step(Input::Tick);
    assert_eq!(end.state(), State::Alone);
}

#[test]
fn alone_a_board_numbers_nothing_before_what_the_other_has_sent_is_merged() {
    let mut end = End::greeted(start(0), hello(1));
    end.is_slow = true;
    end.hears(&record(Position::new(FIRST, 5, 0)));
    end.step(Input::Closed { wire: 1 });
    end.waits(40_000, false);
    assert!(matches!(end.state(), State::Waiting { .. }));
    end.step(Input::Durable { upto: end.length });
    assert_eq!(end.state(), State::Alone);
    let is_there = |output: &Output| matches!(output, Output::Merged { .. });
    let leads = |output: &Output| matches!(output, Output::Lead { .. });
    let merged = end.rest.iter().position(is_there);
    assert!(merged.is_some() && merged < end.rest.iter().position(leads));
}

#[test]
fn nothing_more_is_let_in_until_the_epoch_of_both_is_on_the_disk() {
    let mut end = End::greeted(start(1), hello(0));
    end.hears(&Frame::Level);
    end.hears(&Frame::Freeze);
    end.is_slow = true;
    assert!(!end.mirror.is_opening_other());
    let epoch = Epoch {
        counter: 2,
        ..FIRST
    };
    end.hears(&begin(epoch, vec![Position::new(FIRST, 4, 0)]));
    assert!(end.mirror.is_opening_other());
    end.step(Input::Durable { upto: end.length });
    assert!(!end.mirror.is_opening_other());
    assert_eq!(end.state(), State::Paired { leads: false });
}

#[test]
fn a_blank_board_never_goes_on_alone() {
    let mut end = End::new(Start {
        joining: true,
        mode: Mode::Solo,
        ..start(1)
    });
    end.waits(200_000, false);
    assert_eq!(end.state(), State::Waiting { until: None });
}

#[test]
fn proposals_wait_for_the_epoch_of_both() {
    let mut end = End::greeted(start(1), hello(0));
    let proposal = || Input::Propose {
        ticket: Ticket(1),
        generation: 0,
        bytes: [1].as_slice().into(),
    };
    end.step(proposal());
    assert!(!end.sent.iter().any(|frame| frame.name() == "PROPOSE"));
    let (mut end, _) = End::following();
    assert!(matches!(
        end.rest
            .iter()
            .rev()
            .find(|output| matches!(output, Output::Follow)),
        Some(Output::Follow)
    ));
    end.step(proposal());
    assert_eq!(end.sent.last().unwrap().name(), "PROPOSE");
}

/// More than a window, and than a read, on the way to a board that was away.
#[test]
fn a_long_absence_is_made_up_for() {
    let mut world = World::new(3, None);
    world.payload = 3_000;
    world.boot(0);
    world.run_until(2_000);
    for _ in 0..5_000 {
        let op = world.fresh_op();
        world.client(0, op);
        let soon = world.now + 1;
        world.run_until(soon);
    }
    world.boot(1);
    let until = world.now + 20_000;
    world.run_until(until);
    world.check_at_rest();
    assert_eq!((world.broken.as_deref(), world.is_quiet()), (None, true));
    assert!(world.boards[1].log.len() > 3_000);
}

#[test]
fn a_burst_beyond_the_window_is_held_up_and_loses_nothing() {
    let mut world = World::new(4, None);
    world.payload = 2_000;
    world.rejects_one_in = 2_000;
    world.boot(0);
    world.boot(1);
    let until = world.now + BOOT_WAIT_MS;
    world.run_until(until);
    assert!(matches!(world.state(0), Some(State::Paired { .. })));
    let mut held_up = 0;
    for round in 0..6_000 {
        let n = usize::from(round % 3 == 0);
        let running = world.boards[n].running.as_ref().unwrap();
        held_up += usize::from(running.mirror.is_full());
        let op = world.fresh_op();
        world.client(n, op);
    }
    assert!(held_up > 0);
    let until = world.now + 10_000;
    world.run_until(until);
    world.check_at_rest();
    assert_eq!((world.broken.as_deref(), world.is_quiet()), (None, true));
}
