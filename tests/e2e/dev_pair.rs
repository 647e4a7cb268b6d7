//! The pair for trying things out: `meerkat dev --pair`, as a person drives it.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::harness::BINARY;

/// Longest time for a step, on a machine that is busy.
const STEP_MAX: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(100);

struct Bench {
    process: Child,
    hands: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Bench {
    fn start() -> Self {
        let mut command = Command::new(BINARY);
        command.args(["dev", "--pair", "--set", "listen.c2s=[\"127.0.0.1:0\"]"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let hands = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            process,
            hands,
            lines,
        }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.hands, "{line}").unwrap();
    }

    /// What both boards say of their states.
    fn states(&mut self) -> [String; 2] {
        self.type_in("status");
        ["a: state", "b: state"].map(|who| {
            loop {
                let line = self.line();
                if let Some(rest) = line.strip_prefix(who) {
                    let state = rest.split_whitespace().next().unwrap();
                    return state.trim_end_matches(':').to_owned();
                }
            }
        })
    }

    fn wait_for(&mut self, states: [&str; 2]) {
        let begin = Instant::now();
        while self.states() != states {
            assert!(begin.elapsed() < STEP_MAX, "never {states:?}");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // It ends its boards with it.
        writeln!(self.hands, "quit").ok();
        self.process.wait().ok();
    }
}

#[test]
fn a_person_cuts_and_heals_a_pair_by_hand() {
    let mut bench = Bench::start();
    let ready = bench.line();
    let words: Vec<&str> = ready.split(' ').collect();
    assert!(matches!(words[..], ["ready", _, _]), "{ready}");
    bench.wait_for(["SYNC", "SYNC"]);

    bench.type_in("cut");
    bench.wait_for(["SOLO", "SOLO"]);
    bench.type_in("heal");
    bench.wait_for(["SYNC", "SYNC"]);
    bench.type_in("kill a");
    bench.wait_for(["STOPPED", "SOLO"]);
    bench.type_in("start a");
    bench.wait_for(["SYNC", "SYNC"]);

    bench.type_in("quit");
    assert!(bench.process.wait().unwrap().success());
}
