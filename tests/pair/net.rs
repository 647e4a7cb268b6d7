//! Where the boards of a run live, and what can be done to the line between them.
//!
//! Each has a network namespace of its own, with one interface for clients and one for the other board, the
//! latter on a bridge. All of it is inside namespaces that the test entered itself, and ends with it. Where
//! that is not permitted, the boards are on this machine and call each other through relays.

use std::net::Ipv4Addr;
use std::process::Command;
use std::process::Stdio;

use crate::generator::board::Site;
use crate::generator::client::Ports;
use crate::relay::Relay;

/// `netns`: this is inside the namespaces. `relay`: they are not wanted.
const INSIDE: &str = "MEERKAT_PAIR_NET";
/// Boards of a run: two, and one that takes the place of the second.
const BOARDS: usize = 3;

/// A line that loses, delays or stops nothing, and what can be done to it.
pub(crate) enum Net {
    Namespaces,
    Relays(Vec<Relay>),
}

/// What the kernel was asked to do to a slow line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Slow {
    Delayed,
    /// This kernel delays no packets, so the line has little room.
    Narrow,
}

/// Runs this test once more, in namespaces; false where they are not permitted.
pub(crate) fn enter(test: &str) -> bool {
    if std::env::var(INSIDE).is_ok_and(|kind| kind == "relay") {
        return false;
    }
    let root = [
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    let user = ["--user", "--map-root-user"];
    for user in [&[][..], &user[..]] {
        let mut probe = Command::new("unshare");
        probe.args(user).args(root);
        probe.args(["ip", "link", "add", "probe", "type", "veth"]);
        if !succeeds(&mut probe) {
            continue;
        }
        let mut command = Command::new("unshare");
        command
            .args(user)
            .args(root)
            .arg(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--include-ignored"]);
        let status = command.env(INSIDE, "netns").status().unwrap();
        assert!(status.success(), "{status}: see above");
        return true;
    }
    false
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A line of a shell, as words without spaces in them.
fn sh(line: &str) {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

fn try_sh(line: &str) -> bool {
    let mut words = line.split(' ');
    succeeds(Command::new(words.next().unwrap()).args(words))
}

pub(crate) fn is_inside() -> bool {
    std::env::var(INSIDE).is_ok_and(|kind| kind == "netns")
}

impl Net {
    /// The line, and the places of the boards.
    pub(crate) fn new(settings: &str) -> (Self, Vec<Site>) {
        if is_inside() {
            return (Self::Namespaces, namespaces(settings));
        }
        let sites: Vec<Site> = (0..BOARDS)
            .map(|_| Site::local(settings).with_door())
            .collect();
        let relays = sites.iter().map(|site| Relay::to(site.mirror.1)).collect();
        (Self::Relays(relays), sites)
    }

    /// Where the other board is to call this one; nothing: as the server knows itself.
    pub(crate) fn address(&self, board: usize) -> Option<String> {
        match self {
            Self::Namespaces => None,
            Self::Relays(relays) => Some(format!("127.0.0.1:{}", relays[board].port)),
        }
    }

    /// What this board sends to the other is lost, without a word.
    pub(crate) fn cut(&self, from: usize) {
        match self {
            Self::Namespaces => sh(&format!(
                "tc -n n{from} qdisc replace dev pair root blackhole"
            )),
            // Only the first board is called: what it sends are answers.
            Self::Relays(relays) => relays[0].cut(from > 0, true),
        }
    }

    pub(crate) fn slow(&self) -> Slow {
        let mut slow = Slow::Delayed;
        match self {
            Self::Namespaces => {
                for board in 0..BOARDS {
                    let on = format!("tc -n n{board} qdisc replace dev pair root");
                    if !try_sh(&format!("{on} netem delay 20ms 5ms")) {
                        slow = Slow::Narrow;
                        sh(&format!("{on} tbf rate 512kbit burst 4kb latency 200ms"));
                    }
                }
            }
            Self::Relays(relays) => relays[0].delay(20),
        }
        slow
    }

    pub(crate) fn mend(&self) {
        match self {
            Self::Namespaces => {
                for board in 0..BOARDS {
                    try_sh(&format!("tc -n n{board} qdisc del dev pair root"));
                }
            }
            Self::Relays(relays) => {
                relays[0].cut(false, false);
                relays[0].cut(true, false);
                relays[0].delay(0);
            }
        }
    }
}

fn namespaces(settings: &str) -> Vec<Site> {
    // A folder of its own for the names, which goes with the mount namespace.
    sh("mount -t tmpfs none /run");
    sh("ip link set lo up");
    sh("ip link add bridge type bridge");
    sh("ip link set bridge up");
    (0..BOARDS)
        .map(|board| namespace(board, settings))
        .collect()
}

fn namespace(n: usize, settings: &str) -> Site {
    let host = n + 1;
    sh(&format!("ip netns add n{n}"));
    sh(&format!("ip -n n{n} link set lo up"));
    sh(&format!(
        "ip link add users{n} type veth peer name users netns n{n}"
    ));
    sh(&format!(
        "ip link add pair{n} type veth peer name pair netns n{n}"
    ));
    sh(&format!("ip link set pair{n} master bridge"));
    sh(&format!("ip addr add 10.77.{host}.1/24 dev users{n}"));
    sh(&format!("ip -n n{n} addr add 10.77.{host}.2/24 dev users"));
    sh(&format!("ip -n n{n} addr add 10.77.0.{host}/24 dev pair"));
    for link in [format!("users{n}"), format!("pair{n}")] {
        sh(&format!("ip link set {link} up"));
    }
    for link in ["users", "pair"] {
        sh(&format!("ip -n n{n} link set {link} up"));
    }
    let host = u8::try_from(host).unwrap();
    let ip = Ipv4Addr::new(10, 77, host, 2);
    Site {
        ports: Ports {
            ip,
            plain: 5222,
            tls: 5223,
            http: 5280,
        },
        mirror: (Ipv4Addr::new(10, 77, 0, host), 5270),
        prefix: ["ip", "netns", "exec", &format!("n{n}")]
            .map(str::to_owned)
            .to_vec(),
        settings: settings.to_owned(),
    }
}

/// A disk of so many MiB at a folder; false where that is not permitted.
pub(crate) fn small_disk(folder: &std::path::Path, mebibytes: u64) -> bool {
    std::fs::create_dir_all(folder).unwrap();
    is_inside()
        && try_sh(&format!(
            "mount -t tmpfs -o size={mebibytes}m,mode=700 none {}",
            folder.display()
        ))
}
