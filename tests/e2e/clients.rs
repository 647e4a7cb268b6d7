//! Which client runs which scenario over which wire. Every line is a test.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::harness::SCENARIO_MAX;
use crate::harness::Server;
use crate::harness::Wire;

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

/// Runs one scenario, a file of `tests/e2e/clients`, with the program its ending asks for.
fn play(scenario: &str, wire: Wire) {
    let script = Path::new(MANIFEST).join("tests/e2e/clients").join(scenario);
    let program = if script.extension().is_some_and(|it| it == "mjs") {
        PathBuf::from("node")
    } else {
        Path::new(MANIFEST).join("target/clients/venv/bin/python")
    };
    let server = Server::start(wire);
    server.assert_passes(&program, &[script.to_str().unwrap()], SCENARIO_MAX);
}

macro_rules! scenarios {
    ($($name:ident: $file:literal, $wire:ident;)*) => {$(
        #[test]
        #[ignore = "needs the clients that tests/e2e/clients/install installs"]
        fn $name() {
            play($file, Wire::$wire);
        }
    )*};
}

scenarios! {
    slixmpp_logs_in: "slixmpp/login.py", Plain;
    slixmpp_logs_in_inside_tls: "slixmpp/login.py", Tls;
    slixmpp_chats: "slixmpp/chat.py", Plain;
    slixmpp_chats_inside_tls: "slixmpp/chat.py", Tls;
    slixmpp_keeps_a_roster: "slixmpp/roster.py", Plain;
    slixmpp_keeps_a_roster_inside_tls: "slixmpp/roster.py", Tls;
    slixmpp_copies_to_all_devices: "slixmpp/carbons.py", Plain;
    slixmpp_copies_to_all_devices_inside_tls: "slixmpp/carbons.py", Tls;
    slixmpp_resumes_a_cut_stream: "slixmpp/resume.py", Plain;
    slixmpp_resumes_a_cut_stream_inside_tls: "slixmpp/resume.py", Tls;
    slixmpp_meets_in_rooms: "slixmpp/rooms.py", Plain;
    slixmpp_meets_in_rooms_inside_tls: "slixmpp/rooms.py", Tls;
    slixmpp_reads_the_archive: "slixmpp/archive.py", Plain;
    slixmpp_reads_the_archive_inside_tls: "slixmpp/archive.py", Tls;
    slixmpp_finds_what_came_while_away: "slixmpp/offline.py", Plain;
    slixmpp_finds_what_came_while_away_inside_tls: "slixmpp/offline.py", Tls;
    examples_of_the_manual_work: "slixmpp/examples.py", Plain;
    xmppjs_logs_in: "xmppjs/login.mjs", Tls;
    xmppjs_chats: "xmppjs/chat.mjs", Tls;
    xmppjs_resumes_a_cut_stream: "xmppjs/resume.mjs", Tls;
    xmppjs_meets_in_rooms: "xmppjs/rooms.mjs", Tls;
    xmppjs_finds_in_the_archive_what_came_while_away: "xmppjs/offline.mjs", Tls;
    profanity_spends_an_evening: "profanity/evening.py", Plain;
    profanity_spends_an_evening_inside_tls: "profanity/evening.py", Tls;
}

/// A scenario of slixmpp against a server that a macro cannot describe.
fn play_slixmpp(server: &Server, scenario: &str, environment: &[(&str, &Path)]) {
    let script = Path::new(MANIFEST)
        .join("tests/e2e/clients/slixmpp")
        .join(scenario);
    let python = Path::new(MANIFEST).join("target/clients/venv/bin/python");
    let script = script.to_str().unwrap();
    server.assert_passes_with(environment, &python, &[script], SCENARIO_MAX);
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs"]
fn slixmpp_uploads_files() {
    play_slixmpp(&Server::with_files(Wire::Plain), "upload.py", &[]);
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs"]
fn slixmpp_uploads_files_inside_tls() {
    play_slixmpp(&Server::with_files(Wire::Tls), "upload.py", &[]);
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs, and root for a disk of its own"]
fn slixmpp_uploads_files_to_a_disk_that_fills() {
    let server = Server::with_small_disk();
    let disk = server.small_disk();
    play_slixmpp(&server, "upload.py", &[("XMPP_SMALL_DISK", &disk)]);
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs"]
fn slixmpp_makes_the_server_misbehave() {
    let scene = Path::new(MANIFEST).join("tests/e2e/clients/slixmpp/data.toml");
    let server = Server::dev_with("127.0.0.1:0", &["--data", scene.to_str().unwrap()]);
    play_slixmpp(&server, "dev.py", &[]);
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs"]
fn slixmpp_finds_everything_after_a_move() {
    play_slixmpp(&Server::moved(), "moved.py", &[]);
}

/// Two minutes of tests, and on a first run as long for Maven's downloads; some hosts are slow.
const SMACK_MAX: Duration = Duration::from_mins(15);

#[test]
#[ignore = "needs Maven and Java, and several minutes; tests/run has a stage for it"]
fn smack_passes_all_but_the_listed_tests() {
    // These tests know no other port than 5222, but any address: one that another run does not use.
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let host = std::net::Ipv4Addr::new(127, high | 0x80, middle, low).to_string();
    let server = Server::dev(&format!("{host}:5222"));
    let script = Path::new(MANIFEST).join("tests/smack/run");
    server.assert_passes(&script, &[&host, "localhost", "admin", "admin"], SMACK_MAX);
}
