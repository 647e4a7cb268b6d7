//! What a link begins with: who this board is, what its log holds, and how far that can be read back.

use crate::base::mirror_limits::MIRROR_BOOT_WAIT_MS;
use crate::base::mirror_limits::MIRROR_READ_BYTES;
use crate::base::random::Entropy as _;
use crate::core::Now;
use crate::core::engine::Engine;
use crate::core::trail::Survey;
use crate::core::trail::Trail;
use crate::log::Kind;
use crate::log::read::ReadStep;
use crate::log::read::Reader;
use crate::mirror::Mirror;
use crate::mirror::Settings;
use crate::mirror::Start;
use crate::mirror::frame::Class;
use crate::mirror::frame::Record;
use crate::mirror::member::Member;
use crate::model::entry::Mode;
use crate::model::level::LEVEL;
use crate::model::position::Index;
use crate::net::entropy::SystemEntropy;
use crate::server::hub::Node;
use crate::server::pair::file::Membership;
use crate::server::pair::file::Stage;
use crate::server::start::StartError;
use crate::store::StoreError;
use crate::store::disk::log::LogFiles;

/// The number of the board that dials.
pub(super) const DIALS: u8 = 1;

/// What a data folder is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    Serve,
    /// One command on a server that is stopped; it may change something, or not.
    Change,
    Look,
}

/// Makes one of two of an engine that numbers nothing yet.
pub(crate) fn member(
    mut engine: Engine,
    files: &mut LogFiles,
    (membership, log_bytes): (&Membership, u64),
    (usage, salt): (Use, u32),
    now: Now,
) -> Result<Member, StartError> {
    let (trail, shared) = trail(&engine, files)?;
    engine.keep_trail(trail);
    let has = Index(engine.log.oldest().saturating_sub(1));
    engine.keep_for_peer(has, log_bytes);
    if usage == Use::Look {
        return Ok(Member::alone(engine));
    }
    let start = start(&engine, membership, shared, salt);
    let settings = Settings {
        boot_wait_ms: match usage {
            Use::Serve => MIRROR_BOOT_WAIT_MS,
            // Nobody is there to be waited for.
            Use::Change | Use::Look => 0,
        },
        dials: usage == Use::Serve && membership.node == DIALS,
        reads: LEVEL,
        mistake: None,
    };
    let mirror = Mirror::new(start, settings, now.monotonic);
    let mut member = Member::paired(engine, mirror, now);
    member.set_level(membership.level);
    Ok(member)
}

/// A board that serves alone has got another one, which is about to be given a copy: from where the
/// tables are, that is at least what the copy will hold, the log is kept for it.
pub(crate) fn attach(
    node: &Node,
    membership: &Membership,
    log_bytes: u64,
) -> Result<(), StoreError> {
    let applied = node.store.applied_to()?;
    let reach = node.store.reach()?;
    let now = node.now();
    let mut member = node.member.borrow_mut();
    member.leave(now);
    member.engine.keep_for_peer(applied, log_bytes);
    member.engine.begin_trail(applied.next(), reach);
    let start = start(&member.engine, membership, applied, salt());
    let settings = Settings {
        boot_wait_ms: MIRROR_BOOT_WAIT_MS,
        dials: membership.node == DIALS,
        reads: LEVEL,
        mistake: None,
    };
    let start = Start {
        // It serves, whatever its last epoch was.
        mode: Mode::Solo,
        // What is older the copy will hold.
        oldest: start.oldest.max(applied.next().0),
        ..start
    };
    let mirror = Mirror::new(start, settings, now.monotonic);
    member.attach(now, mirror);
    member.set_level(membership.level);
    drop(member);
    node.wake();
    Ok(())
}

/// The other board is about to take what differs from the tables: from where they are the log is kept for it.
pub(super) fn keep_from_here(node: &Node, log_bytes: u64) -> Result<(), StoreError> {
    let applied = node.store.applied_to()?;
    let mut member = node.member.borrow_mut();
    member.engine.keep_for_peer(applied, log_bytes);
    Ok(())
}

fn salt() -> u32 {
    let [a, b, c, d, ..] = SystemEntropy::new().u64().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn start(engine: &Engine, membership: &Membership, shared: Index, salt: u32) -> Start {
    let (oldest, trimmed) = engine.trimmed();
    let epochs = engine.core.epochs();
    let mode = epochs.newest().and_then(|epoch| epochs.mode(epoch));
    Start {
        node: membership.node,
        pair: membership.pair,
        salt,
        joining: membership.stage == Stage::Joiner,
        mode: mode.unwrap_or(Mode::Single),
        vector: engine.vector().clone(),
        parents: epochs.parents(),
        stamp: engine.core.stamp(),
        durable: engine.durable_upto().0,
        trimmed,
        oldest: oldest.0,
        shared: shared.0,
    }
}

/// Reads what is kept of the log; gives also the last record that is not of a time alone.
fn trail(engine: &Engine, files: &mut LogFiles) -> Result<(Trail, Index), StartError> {
    let mut survey = Survey::new(&engine.log);
    let mut alone_from = None;
    let mut reader = Reader::new(engine.log.oldest());
    loop {
        match engine.read(&mut reader, MIRROR_READ_BYTES) {
            ReadStep::Read {
                segment,
                offset,
                bytes,
            } => {
                let read = files.read(segment, offset, bytes);
                reader.handle_read(read.map_err(StartError::Disk)?);
            }
            ReadStep::Records(records) if records.is_empty() => break,
            ReadStep::Records(records) => {
                for one in records {
                    let class = match one.kind {
                        Kind::Entry => Class::Entry,
                        Kind::Epoch => Class::Epoch,
                    };
                    let bytes = one.bytes.into();
                    // It was read at this start already, or it is in the tables.
                    if let Ok((position, _, epoch)) = (Record { class, bytes }).head() {
                        alone_from = match epoch.map(|epoch| epoch.mode) {
                            Some(Mode::Sync) => None,
                            Some(Mode::Solo | Mode::Single) => alone_from.or(Some(one.position)),
                            None => alone_from,
                        };
                        survey.add(Index(one.position), position);
                    }
                }
            }
            ReadStep::Trimmed { .. } => break,
            ReadStep::Damaged { segment, offset } => {
                return Err(StartError::damaged(segment, offset));
            }
        }
    }
    let shared = alone_from.map_or_else(
        || engine.durable_upto(),
        |from| Index(from.saturating_sub(1)),
    );
    Ok((survey.finish(engine.vector()), shared))
}
