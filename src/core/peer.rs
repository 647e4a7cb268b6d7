//! The sessions of the other node: learned as they stand, kept while it is away, ended when it does
//! not come back.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::order::Asked;
use crate::core::order::Place;
use crate::effect::records::records_of;
use crate::model::account::Online;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::peer::PeerOccupancy;
use crate::model::peer::PeerSession;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::room::Occupant;
use crate::model::room::OccupantDevice;
use crate::model::room::Removed;
use crate::model::room::Rights;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::room::Why;
use crate::route;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

/// XEP-0045 section 7.14: removed because of a technical problem.
const TECHNICAL: [u16; 2] = [307, 333];

/// Volatile ops, each with the place in the order that it had where it was numbered.
type Steps = Vec<(Position, Vec<Op>)>;

impl Core {
    /// Whether everything that is numbered is delivered: only then do the sessions stand as both
    /// nodes will know them.
    pub(crate) fn is_still(&self) -> bool {
        self.order.line.is_empty()
    }

    /// The other node is not heard: its sessions stand for a while as if nothing had happened.
    pub(super) fn handle_peer_gone(&mut self) {
        let until = self.now.monotonic.plus_ms(self.limits.zombie_ms);
        self.peer.zombies_until = Some(until);
        self.peer.is_there = false;
        self.peer.reports.forget();
        self.make_all_sure();
        self.recalled.clear();
    }

    /// When the sessions of a node that is away end. Who does not number cannot end them.
    pub(super) fn zombies_timeout(&self) -> Option<Monotonic> {
        self.peer
            .zombies_until
            .filter(|_| self.order.is_leading() && !self.order.is_paired)
    }

    /// Ends the sessions of the other node, as if they had closed, once it was away for too long.
    pub(super) fn end_zombies(&mut self) {
        if self
            .zombies_timeout()
            .is_none_or(|until| until > self.now.monotonic)
        {
            return;
        }
        self.peer.zombies_until = None;
        for (session, jid) in self.foreign_sessions() {
            self.open(Asked::Gone { jid, session }, None, None);
        }
    }

    fn foreign_sessions(&self) -> BTreeMap<SessionId, FullJid> {
        let accounts = self.states.delivered.accounts.values();
        let online = accounts.flat_map(|account| account.online.values());
        online
            .filter(|online| online.node != self.node)
            .map(|online| (online.session, online.jid.clone()))
            .collect()
    }

    /// How the sessions of the other node stand. What differs from what was known is delivered here
    /// as if it had just happened; the other node knows it already.
    pub(super) fn handle_peer_sessions(
        &mut self,
        sessions: Vec<PeerSession>,
        lost: Vec<Option<SmKey>>,
    ) {
        self.peer.zombies_until = None;
        self.peer.is_opening = true;
        self.begin_reports();
        self.recall_again();
        self.tell_interests();
        self.peer.disowned.begin();
        for key in lost {
            self.drop_disowned(key);
        }
        let listed: BTreeSet<SessionId> = sessions.iter().map(|one| one.session).collect();
        for (session, jid) in self.foreign_sessions() {
            if !listed.contains(&session) {
                self.take_over(None, &[(Position::ZERO, self.end_ops(&jid, session))]);
            }
        }
        for session in sessions {
            if self.keeps(&session) {
                continue;
            }
            let steps = self.steps_to(&session);
            self.take_over(Some(&session), &steps);
            self.date(&session);
        }
    }

    /// What is as it was may have been said again: only the order of devices changes by that.
    fn date(&mut self, session: &PeerSession) {
        let delivered = &mut self.states.delivered;
        let account = delivered.account_mut(&session.jid.bare());
        let online = account.and_then(|account| account.online.get_mut(session.jid.resource()));
        let Some(online) = online.filter(|online| online.session == session.session) else {
            return;
        };
        online.order = session.order;
        for occupancy in &session.rooms {
            let room = delivered.room_mut(&occupancy.room);
            let occupant = room.and_then(|room| room.occupants.get_mut(&occupancy.nick));
            let device = occupant.and_then(|one| Arc::make_mut(one).devices.get_mut(&session.jid));
            if let Some(device) = device.filter(|device| device.session == session.session) {
                device.said = occupancy.said;
            }
        }
    }

    /// What is said when a session ends, without what only its own node may write.
    fn end_ops(&self, jid: &FullJid, session: SessionId) -> Vec<Op> {
        let proposal = self.seen(|view| route::evaluate_end(view, jid, session));
        let proposal = proposal.unwrap_or_default();
        let soft = proposal.ops.into_iter().filter(|op| !op.is_durable());
        soft.collect()
    }

    /// The steps into the line: they are numbered already, and volatile.
    pub(super) fn take_over(
        &mut self,
        session: Option<&PeerSession>,
        steps: &[(Position, Vec<Op>)],
    ) {
        let origin = session.and_then(|session| {
            let count = session.counted.as_ref()?;
            Some(Origin {
                jid: session.jid.clone(),
                key: count.key,
                h: count.h,
                iq: None,
            })
        });
        let mut origin = origin;
        for (position, ops) in steps {
            let entry = Arc::new(Entry {
                position: *position,
                stamp: self.order.stamp,
                op_id: OpId::default(),
                origin: origin.take(),
                ops: ops.clone(),
            });
            let records = records_of(&entry.ops);
            self.stand_in_line(Place::Entry {
                entry,
                ticket: None,
                records,
            });
        }
        self.release();
    }

    /// What leads from the session as it is known here to how it stands.
    pub(super) fn steps_to(&self, session: &PeerSession) -> Steps {
        let mut steps = Steps::new();
        let account = self.states.delivered.accounts.get(&session.jid.bare());
        let there = account.and_then(|account| account.online.get(session.jid.resource()));
        let mut known = there;
        if let Some(other) = there.filter(|other| other.session != session.session) {
            // Both were alone, and the address was taken twice: the later one has it (RFC 6120
            // section 7.7.2.2).
            if (other.since, other.session) > (session.since, session.session) {
                return steps;
            }
            steps.push((session.order, self.end_ops(&other.jid, other.session)));
            known = None;
        }
        let mut ops = session_ops(known, session);
        if known.is_some_and(|known| known.node != session.node) {
            ops.push(Op::soft(Soft::Moved {
                jid: session.jid.clone(),
                session: session.session,
                node: session.node,
            }));
        }
        steps.push((session.order, ops));
        for occupancy in &session.rooms {
            let ops = self.room_ops(session, occupancy);
            steps.push((occupancy.said, ops));
        }
        if let Some(known) = known {
            steps.push((session.order, self.left_rooms(known, session)));
        }
        if let Some(count) = &session.counted {
            let managed = Soft::Managed {
                session: session.session,
                count: count.clone(),
                is_all: true,
            };
            steps.push((session.order, vec![Op::soft(managed)]));
        }
        steps
    }

    /// Entering or showing oneself anew in one room.
    fn room_ops(&self, session: &PeerSession, occupancy: &PeerOccupancy) -> Vec<Op> {
        let join = join(session, occupancy);
        let Some(room) = self.states.delivered.rooms.get(&occupancy.room) else {
            return vec![join];
        };
        let nick = &occupancy.nick;
        let inside = device_in(room, &session.jid);
        let moved = inside.as_ref().filter(|(old, ..)| old != nick);
        let mut ops: Vec<Op> = moved
            .map(|(old, ..)| leave(&occupancy.room, Arc::clone(old), &session.jid))
            .into_iter()
            .collect();
        if let Some(there) = room.occupants.get(nick)
            && there.user != session.jid.bare()
        {
            if self.node < session.node {
                // The same decision over there: the nickname stays with the node of the lower number.
                return ops;
            }
            let removed = vec![Removed {
                nick: Arc::clone(nick),
                devices: there.devices.keys().cloned().collect(),
            }];
            let why = Why {
                codes: TECHNICAL.to_vec(),
                ..Why::default()
            };
            ops.push(change(&occupancy.room, RoomChange::Remove { removed, why }));
        }
        match inside {
            Some((old, there, device)) if old == *nick && device.session == session.session => {
                shown_anew(session, occupancy, there.role, device)
            }
            Some(_) | None => {
                ops.push(join);
                ops
            }
        }
    }

    /// Rooms that the session is not in any more.
    fn left_rooms(&self, known: &Online, session: &PeerSession) -> Vec<Op> {
        let is_in = |jid: &BareJid| session.rooms.iter().any(|one| one.room == *jid);
        let left = known.rooms.iter().filter(|jid| !is_in(jid));
        left.filter_map(|jid| {
            let room = self.states.delivered.rooms.get(jid)?;
            let (nick, ..) = device_in(room, &known.jid)?;
            Some(leave(jid, nick, &known.jid))
        })
        .collect()
    }
}

fn change(room: &BareJid, change: RoomChange) -> Op {
    Op::soft(Soft::Room {
        room: room.clone(),
        change: Arc::new(change),
    })
}

fn join(session: &PeerSession, occupancy: &PeerOccupancy) -> Op {
    let join = RoomChange::Join {
        nick: Arc::clone(&occupancy.nick),
        jid: session.jid.clone(),
        session: session.session,
        occupant_id: Arc::clone(&occupancy.occupant_id),
        silenced: Arc::clone(&occupancy.silenced),
        role: occupancy.role,
        shown: Arc::clone(&occupancy.shown),
        id: None,
        created: false,
        assigned: false,
        history: false,
    };
    change(&occupancy.room, join)
}

fn leave(room: &BareJid, nick: Arc<str>, jid: &FullJid) -> Op {
    let leave = RoomChange::Leave {
        nick,
        jid: jid.clone(),
        said: Arc::new([]),
    };
    change(room, leave)
}

/// Another role or presence of a device that is where it was.
fn shown_anew(
    session: &PeerSession,
    occupancy: &PeerOccupancy,
    role: RoomRole,
    device: &OccupantDevice,
) -> Vec<Op> {
    let nick = Arc::clone(&occupancy.nick);
    let shown = Arc::clone(&occupancy.shown);
    let jid = session.jid.clone();
    if role != occupancy.role {
        let changed = vec![Rights {
            nick,
            role: occupancy.role,
            shown: vec![(jid, shown)],
        }];
        let why = Why::default();
        return vec![change(&occupancy.room, RoomChange::Rights { changed, why })];
    }
    if device.shown.open == shown.open {
        return Vec::new();
    }
    let id = None;
    let show = RoomChange::Show {
        nick,
        jid,
        shown,
        id,
    };
    vec![change(&occupancy.room, show)]
}

/// The nickname, role and device of a session in a room.
pub(super) fn device_in<'a>(
    room: &'a Room,
    jid: &FullJid,
) -> Option<(Arc<str>, &'a Occupant, &'a OccupantDevice)> {
    let nick = room.nicks.get(jid)?;
    let occupant = room.occupants.get(nick)?;
    Some((Arc::clone(nick), occupant, occupant.devices.get(jid)?))
}

/// Everything about a session but its rooms.
fn session_ops(known: Option<&Online>, session: &PeerSession) -> Vec<Op> {
    let mut ops = Vec::new();
    let jid = || session.jid.clone();
    if known.is_none() {
        ops.push(Op::soft(Soft::Bind {
            jid: jid(),
            session: session.session,
            node: session.node,
            device: session.device.clone(),
            since: session.since,
        }));
    }
    let wants = [
        (
            Want::Carbons,
            known.is_some_and(|one| one.carbons),
            session.carbons,
        ),
        (
            Want::Roster,
            known.is_some_and(|one| one.interested),
            session.interested,
        ),
        (
            Want::Blocks,
            known.is_some_and(|one| one.watches_blocks),
            session.watches_blocks,
        ),
    ];
    for (want, was, on) in wants {
        if was != on {
            let jid = jid();
            ops.push(Op::soft(Soft::Wants { jid, want, on }));
        }
    }
    ops.extend(presence_ops(known, session));
    ops
}

/// Its presence for all, and to single addresses.
fn presence_ops(known: Option<&Online>, session: &PeerSession) -> Vec<Op> {
    let mut ops = Vec::new();
    let jid = || session.jid.clone();
    let was = known.and_then(|one| one.presence.as_ref());
    let is = session.presence.as_ref();
    let is_same = match (was, is) {
        (Some(was), Some(is)) => was.priority == is.priority && was.stanza == is.stanza,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let gone = || said(session, PresenceType::Unavailable);
    if !is_same {
        let here = is.map(|here| Arc::clone(&here.stanza));
        ops.push(Op::soft(Soft::Presence {
            jid: jid(),
            presence: is.cloned(),
            said: here.unwrap_or_else(gone),
        }));
    }
    let none = BTreeSet::new();
    // Who becomes unavailable takes all of it back.
    let is_gone = !is_same && is.is_none();
    let kept = known.filter(|_| !is_gone);
    let old = kept.map_or(&none, |one| &one.directed);
    let both = old.symmetric_difference(&session.directed);
    for to in both {
        let available = session.directed.contains(to);
        let kind = if available {
            PresenceType::Available
        } else {
            PresenceType::Unavailable
        };
        ops.push(Op::soft(Soft::Directed {
            jid: jid(),
            to: to.clone(),
            available,
            said: said(session, kind),
        }));
    }
    ops
}

/// What the session said, as far as that is known.
fn said(session: &PeerSession, kind: PresenceType) -> Arc<Outgoing> {
    Arc::new(Outgoing {
        kind: Kind::Presence(kind),
        from: session.jid.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: Arc::default(),
    })
}
