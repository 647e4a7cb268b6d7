//! Telling users who are not inside what they are to a room now.
//!
//! Who becomes a member of a room for members is invited (XEP-0045 section 9.5), and gets that whenever it
//! comes. Everybody else who is online hears of it as a courtesy (section 18.1, status 101).

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Soft;
use crate::model::room::Affiliation;
use crate::model::room::RoomConfig;
use crate::muc::affiliate::Wish;
use crate::muc::invite;
use crate::muc::notify;
use crate::muc::visit::Visit;
use crate::stanza::MessageType;

/// The messages to those whose wish is another affiliation.
pub(super) fn propose(
    visit: &Visit<'_>,
    config: &RoomConfig,
    wishes: &[Wish],
    mut proposal: Proposal,
) -> Result<Proposal, Stop> {
    for wish in wishes {
        let user = &wish.user;
        let old = visit.affiliation_of(user);
        let is_inside = visit.room.occupants.values().any(|one| one.user == *user);
        if is_inside || old == wish.affiliation || visit.live(user)?.is_none() {
            continue;
        }
        let to = user.to_jid();
        if config.members_only
            && old < Affiliation::Member
            && wish.affiliation >= Affiliation::Member
        {
            let invitation = invite::invitation(visit, config, None)?;
            match invite::letter(visit, &to, invitation) {
                Ok(sent) => proposal = proposal.and(sent),
                // Who takes no more messages may see it in its list of rooms.
                Err(Stop::Refuse { .. }) => {}
                Err(stop) => return Err(stop),
            }
        } else if !visit.view.account(user)?.blocks(&visit.jid.to_jid()) {
            let told = notify::codes_message(&visit.jid, MessageType::Normal, &[101]);
            let stanza = Arc::new(told);
            proposal = proposal.soft(Soft::Route { stanza, to });
        }
    }
    Ok(proposal)
}
