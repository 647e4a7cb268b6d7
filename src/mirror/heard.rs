//! What one core says to the other over the link, as bytes and read again.

use std::sync::Arc;

use crate::core;
use crate::effect::proposal::Proposal;
use crate::mirror::Output as Said;
use crate::mirror::frame::Class;
use crate::model::codec::Code as _;
use crate::model::codec::CodecError;
use crate::model::codec::coded;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::level::LEVEL;
use crate::model::op::Op;
use crate::model::peer::LOST_LEVEL;
use crate::model::peer::Lost;
use crate::model::peer::PeerSession;
use crate::model::position::OpId;

/// A proposal on its way to who numbers.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) proposal: Proposal,
    pub(super) op_id: OpId,
    pub(super) origin: Option<Origin>,
}

coded!(struct Asked { proposal, op_id, origin });

/// What the other board's core has said; `None`: this one knows it already. `reads`: the newest level that this
/// program knows the tags of.
pub(super) fn read(said: Said, reads: u8) -> Result<Option<core::Input>, CodecError> {
    match read_all(said)? {
        Some(input) if reads < LEVEL && level(&input) > reads => Err(CodecError::Unknown),
        input => Ok(input),
    }
}

fn level(input: &core::Input) -> u8 {
    let newest = |ops: &[Op]| ops.iter().map(Op::level).max().unwrap_or_default();
    match input {
        core::Input::Merged { entry } | core::Input::Numbered { entry, .. } => newest(&entry.ops),
        core::Input::Proposed { proposal, .. } => newest(&proposal.ops),
        core::Input::PeerSessions { sessions, lost } => {
            let sessions = sessions.iter().map(PeerSession::level);
            let lost = (!lost.is_empty()).then_some(LOST_LEVEL);
            sessions.chain(lost).max().unwrap_or_default()
        }
        _ => 0,
    }
}

fn read_all(said: Said) -> Result<Option<core::Input>, CodecError> {
    let input = match said {
        Said::Merged { record } => match record.class {
            Class::Entry => core::Input::Merged {
                entry: Arc::new(Entry::decode(&record.bytes)?),
            },
            Class::Epoch => return Ok(None),
        },
        Said::Numbered { ticket, bytes, .. } => core::Input::Numbered {
            entry: Arc::new(Entry::decode_shipped(&bytes)?),
            ticket,
        },
        Said::Rejected { ticket, generation } => core::Input::Rejected { ticket, generation },
        Said::Proposed {
            ticket,
            generation,
            bytes,
        } => {
            let asked: Asked = from_bytes(&bytes)?;
            core::Input::Proposed {
                ticket,
                generation,
                proposal: Arc::new(asked.proposal),
                op_id: asked.op_id,
                origin: asked.origin,
            }
        }
        Said::PeerSessions { pieces } => {
            let mut sessions = Vec::new();
            let mut lost = Vec::new();
            for piece in &pieces {
                if piece.starts_with(&to_bytes::<Box<str>>(&"".into())) {
                    lost.extend(from_bytes::<Lost>(piece)?.keys);
                    continue;
                }
                let mut input = crate::model::codec::Reader::new(piece);
                while !input.is_at_end() {
                    sessions.push(<PeerSession as crate::model::codec::Code>::decode(
                        &mut input,
                    )?);
                }
            }
            core::Input::PeerSessions { sessions, lost }
        }
        _ => return Ok(None),
    };
    Ok(Some(input))
}
