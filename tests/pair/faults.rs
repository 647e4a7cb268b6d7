//! Each fault under load: what happens, how long it takes, and that the pair is whole again.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use smol::LocalExecutor;
use smol::Timer;

use crate::generator::Outcome;
use crate::generator::client::Security;
use crate::net;
use crate::person::within;
use crate::world::World;
use crate::world::percentile;

/// A board whose connection is closed is alone after 600 ms, one that hears nothing after 3 s.
const ALONE_CLOSED_MAX: Duration = Duration::from_millis(1_500);
const ALONE_SILENT_MAX: Duration = Duration::from_secs(5);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

async fn wait(count: u64) {
    Timer::after(ms(count)).await;
}

/// Every fault, or those whose names begin with the one that is wanted. The mirror images of some take part in long
/// runs only.
pub(crate) async fn all(world: &mut World, wanted: &str, is_long: bool) {
    const LONG: [&str; 2] = ["stop-A", "cold-B"];
    const NAMES: [&str; 13] = [
        "peace", "kill-B", "kill-A", "cut", "cut-AB", "cut-BA", "slow", "stop-B", "stop-A", "away",
        "full", "cold-A", "cold-B",
    ];
    for name in NAMES {
        let is_left_out = !is_long && LONG.contains(&name);
        if is_left_out || !name.starts_with(wanted) {
            continue;
        }
        world.begin(name);
        match name {
            "peace" => at_peace(world).await,
            "kill-B" => killed(world, 1).await,
            "kill-A" => killed(world, 0).await,
            "cut" => cut(world, &[0, 1], "both ways").await,
            "cut-AB" => cut(world, &[0], "from A to B").await,
            "cut-BA" => cut(world, &[1], "from B to A").await,
            "slow" => slow(world).await,
            "stop-B" => frozen(world, 1).await,
            "stop-A" => frozen(world, 0).await,
            "away" => away(world).await,
            "full" => full(world).await,
            "cold-A" => cold(world, 0).await,
            _ => cold(world, 1).await,
        }
    }
}

/// Without a fault: what an acknowledgement takes, and how far the other disk is behind.
async fn at_peace(world: &World) {
    world.ledger.borrow_mut().take_latencies();
    let lags = RefCell::new(Vec::new());
    let looking = async {
        for _ in 0..60 {
            wait(40).await;
            lags.borrow_mut()
                .push(world.told(0).lag.max(world.told(1).lag));
        }
    };
    world.under_load(ms(2_500), looking).await;
    let mut times = world.ledger.borrow_mut().take_latencies();
    let mut lags = lags.into_inner();
    lags.sort_unstable();
    println!(
        "sync: acknowledged after {:.1?} (p50), {:.1?} (p99), {} messages; lag {} (p50), {} entries at most",
        percentile(&mut times, 50),
        percentile(&mut times, 99),
        times.len(),
        lags[lags.len() / 2],
        lags.last().unwrap()
    );
}

/// SIGKILL, with many clients there that come to the other board.
async fn killed(world: &mut World, n: usize) {
    let process = world.board(n).process.take().unwrap();
    kill_under_load(world, n, process).await;
    world.board(n).start();
    let whole = world.until_whole().await;
    println!("  back: both serve {whole:.0?} after its start");
}

async fn kill_under_load(world: &World, n: usize, mut process: Child) {
    let lights = world.lights_at(n).await;
    let count = lights.len();
    let until = Instant::now() + Duration::from_secs(30);
    let executor = LocalExecutor::new();
    let other = world.ports()[1 - n];
    let back: Vec<_> = lights
        .into_iter()
        .map(|light| executor.spawn(light.survive(&world.ground, other, until)))
        .collect();
    let fault = executor.run(async {
        wait(500).await;
        process.kill().unwrap();
        let died = Instant::now();
        process.wait().unwrap();
        world.ledger.borrow_mut().watch();
        let detected = world.until("it is noticed", || world.told(1 - n).state != "sync").await;
        world.until("the other is alone", || world.told(1 - n).state == "solo").await;
        let alone = died.elapsed();
        world.until("somebody is answered", || world.ledger.borrow().first().is_some()).await;
        let first = world.ledger.borrow().first().unwrap() - died;
        let mut times = Vec::new();
        for one in back {
            let (noticed, at) = one.await.expect("a client did not come back");
            assert!(noticed >= died);
            times.push(at - died);
        }
        println!(
            "SIGKILL of {}: noticed after {detected:.0?}, alone after {alone:.0?}, first acknowledgement of the other \
             {first:.0?}; {count} clients back: 50% {:.0?}, 95% {:.0?}, 99% {:.0?}",
            ["A", "B"][n],
            percentile(&mut times, 50),
            percentile(&mut times, 95),
            percentile(&mut times, 99)
        );
        assert!(alone < ALONE_CLOSED_MAX, "{alone:?}");
    });
    world.under_load(ms(3_000), fault).await;
}

/// What some boards send to the other is lost; the users of each go on.
async fn cut(world: &World, from: &[usize], what: &str) {
    let fault = async {
        wait(300).await;
        for n in from {
            world.net.cut(*n);
        }
        let mut alone = Vec::new();
        for n in [0, 1] {
            let took = world
                .until("each is alone", || world.told(n).state == "solo")
                .await;
            alone.push(took);
        }
        assert!(alone[0] < ALONE_SILENT_MAX, "{alone:?}");
        wait(1_000).await;
        world.net.mend();
        let healed = world.until_whole().await;
        println!(
            "cut {what}: both alone after {:.1?}; healed {healed:.1?} after the end of the cut",
            alone[0] + alone[1]
        );
    };
    world.under_load(ms(5_500), fault).await;
    world.until_whole().await;
}

/// A line that takes its time: nothing is lost, and nobody goes on alone.
async fn slow(world: &World) {
    world.ledger.borrow_mut().take_latencies();
    let fault = async {
        let how = world.net.slow();
        for _ in 0..15 {
            wait(100).await;
            let told = [world.told(0), world.told(1)];
            assert!(told.iter().all(|one| one.state == "sync"), "{told:?}");
        }
        let mut times = world.ledger.borrow_mut().take_latencies();
        println!(
            "slow line ({how:?}): acknowledged after {:.0?} (p50), {:.0?} (p99)",
            percentile(&mut times, 50),
            percentile(&mut times, 99)
        );
        world.net.mend();
    };
    world.under_load(ms(2_000), fault).await;
    world.until_whole().await;
}

/// SIGSTOP for longer than the other waits, then SIGCONT: what it wakes up to is the past.
async fn frozen(world: &World, n: usize) {
    let fault = async {
        wait(300).await;
        world.signal(n, "-STOP");
        world.ledger.borrow_mut().watch();
        let alone = world
            .until("the other is alone", || world.told(1 - n).state == "solo")
            .await;
        assert!(alone < ALONE_SILENT_MAX, "{alone:?}");
        wait(1_000).await;
        world.signal(n, "-CONT");
        let healed = world.until_whole().await;
        println!(
            "SIGSTOP of {}: the other alone after {alone:.1?}; whole {healed:.1?} after SIGCONT",
            ["A", "B"][n]
        );
    };
    world.under_load(ms(4_500), fault).await;
    world.until_whole().await;
}

/// Stopped in order while much is written: how fast it gets what it missed, and what users feel of it.
async fn away(world: &mut World) {
    const MESSAGES: u32 = 1_500;
    let second = world.second;
    world.boards[second].stop();
    let writing = bulk(world, MESSAGES);
    within(Duration::from_secs(40), writing).await.unwrap();
    world.ledger.borrow_mut().take_latencies();
    world.under_load(ms(1_500), async {}).await;
    let mut before = world.ledger.borrow_mut().take_latencies();
    world.boards[second].start();
    let took = RefCell::new(Duration::ZERO);
    let resync = async {
        world
            .until("it catches up", || world.told(1).state == "catching-up")
            .await;
        let whole = world.until_whole().await;
        *took.borrow_mut() = whole;
    };
    world.under_load(ms(1_500), resync).await;
    let mut during = world.ledger.borrow_mut().take_latencies();
    let took = took.into_inner();
    let megabytes = f64::from(MESSAGES) / 100.0;
    println!(
        "resync of {megabytes:.0} MB: {took:.1?}, {:.1} MB/s; acknowledged at the other board meanwhile after {:.1?} \
         (p50), {:.1?} (p99), before it {:.1?}, {:.1?}",
        megabytes / took.as_secs_f64(),
        percentile(&mut during, 50),
        percentile(&mut during, 99),
        percentile(&mut before, 50),
        percentile(&mut before, 99)
    );
}

/// So many messages of 10 KB, to somebody who is away, at the first board.
async fn bulk(world: &World, messages: u32) -> Outcome<()> {
    let body = "x".repeat(10_000);
    let mut client = world
        .ground
        .login(world.ports()[0], Security::Plain, "light0", "bulk")
        .await?;
    for n in 1..=messages {
        client.send(&format!(
            "<message to='light1@localhost' type='chat' id='{n}'><body>{n} {body}</body></message>"
        ));
        if n % 50 == 0 {
            client.settle().await?;
        }
    }
    client.close().await
}

/// False where that is not possible.
async fn move_to_small_disk(world: &mut World, folder: &Path) -> bool {
    let second = world.second;
    world.boards[second].stop();
    let aside = folder.with_extension("aside");
    fs::rename(folder, &aside).unwrap();
    world.has_small_disk = net::small_disk(folder, 160);
    if world.has_small_disk {
        let mut copied = Command::new("cp");
        copied.args(["-a", "-T"]).arg(&aside).arg(folder);
        assert!(copied.status().unwrap().success());
    } else {
        fs::remove_dir(folder).unwrap();
        fs::rename(&aside, folder).unwrap();
    }
    world.boards[second].start();
    world.until_whole().await;
    world.has_small_disk
}

/// No room on the second board's disk: it may end, or say no; the first goes on.
async fn full(world: &mut World) {
    let second = world.second;
    let folder = world.boards[second].folder.path().join("data");
    if !world.has_small_disk && !move_to_small_disk(world, &folder).await {
        println!("full disk: not possible here");
        return;
    }
    let ballast = folder.join("ballast");
    let fault = async {
        wait(300).await;
        let bytes = vec![0_u8; 1 << 20];
        let mut file = fs::File::create(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &bytes).is_ok() {}
        drop(file);
        let written = within(ms(8_000), bulk(world, 3_000)).await;
        let written = written.map_or_else(|failure| failure.to_string(), |()| "30 MB".to_owned());
        let (a, b) = (world.told(0).state, world.told(1).state);
        println!("full disk of B, while {written} are written: A is {a:?}, B is {b:?}");
        fs::remove_file(&ballast).unwrap();
    };
    world.under_load(ms(5_000), fault).await;
    for _ in 0..200 {
        let process = world.boards[second].process.as_mut().unwrap();
        if let Some(status) = process.try_wait().unwrap() {
            println!("  B has ended: {status}; it is started again with room");
            world.boards[second].start();
        }
        wait(20).await;
        if world.is_whole() {
            break;
        }
    }
    world.until_whole().await;
}

/// Both without power, with the first alone before; then either comes first.
async fn cold(world: &mut World, first: usize) {
    world.board(1 - first).kill();
    world.under_load(ms(1_500), async {}).await;
    world.board(first).kill();
    // The one that knows less, or the one that knows more.
    for (n, order) in [(first, "that was last alone"), (1 - first, "that was away")] {
        world.board(n).start();
        wait(1_500).await;
        println!(
            "cold boot, the board {order} first: it is {:?}, lets users in: {}",
            world.told(n).state,
            world.lets_in(n).await
        );
        world.board(1 - n).start();
        let whole = world.until_whole().await;
        println!("  both serve {whole:.1?} after the start of the other");
        if n == first {
            world.board(0).kill();
            world.board(1).kill();
        }
    }
    world.under_load(ms(500), async {}).await;
}

/// The second board is dead for good, and a blank one takes its place while the first serves.
pub(crate) async fn replaced(world: &mut World) {
    world.begin("replace");
    // What was taken alone so far is fetched by then; what is answered from here on is on both disks.
    world.until_has_files(0).await;
    let mut process = world.board(1).process.take().unwrap();
    let dies = async {
        wait(1_000).await;
        process.kill().unwrap();
        process.wait().unwrap();
    };
    world.under_load(ms(2_000), dies).await;
    world.second = 2;
    let begin = Instant::now();
    world.join("replace").await;
    println!(
        "replaced by a blank board: both serve {:.1?} after pair replace",
        begin.elapsed()
    );
    world.under_load(ms(1_000), async {}).await;
}
