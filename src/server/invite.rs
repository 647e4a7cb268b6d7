//! An invitation that an operator makes (XEP-0401).

use crate::base::jid::BareJid;
use crate::base::secret::Secret;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::model::invite::Invite;
use crate::net::clock::Clock;
use crate::server::admin::Invitation;
use crate::server::control::Site;
use crate::server::run;

impl Site {
    /// `NAME`, or `NAME@DOMAIN` of this server.
    pub(super) fn address(&self, name: &str) -> Result<BareJid, String> {
        let text = if name.contains('@') {
            name.to_owned()
        } else {
            format!("{name}@{}", self.domain)
        };
        let unusable = || format!("{name} is no name for a user of {}", self.domain);
        let jid = BareJid::parse(&text).map_err(|_| unusable())?;
        let is_ours = jid.domain() == self.domain && jid.local().is_some();
        is_ours.then_some(jid).ok_or_else(unusable)
    }

    pub(super) async fn make_invite(&self, wanted: Invitation) -> Result<(), String> {
        let jid = |name: &Option<String>| {
            let named = name.as_deref().map(|name| self.address(name));
            named.transpose()
        };
        let (name, by) = (jid(&wanted.name)?, jid(&wanted.by)?);
        let invite = Invite {
            by,
            name: name.as_ref().and_then(BareJid::local).map(Into::into),
            may_register: wanted.may_register,
            expires: Clock::of_the_day().plus_ms(wanted.valid_ms),
        };
        let token = Secret::from(wanted.token.as_str());
        match run::command(&self.node, Command::Invite { token, invite }).await {
            Some(Outcome::Done) => Ok(()),
            Some(Outcome::UserExists) => {
                Err("there is such an account, or an invitation for it".to_owned())
            }
            Some(Outcome::Closed) => Err(CLOSED.to_owned()),
            Some(_) => Err("there are too many invitations, or the disk is full".to_owned()),
            None => Err("the server is stopping; try again when it runs".to_owned()),
        }
    }
}

/// Nobody could use it.
pub(crate) const CLOSED: &str = "nobody can register here; set registration = \"invited\", or name whose contact it is for with --by";
