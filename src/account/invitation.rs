//! The commands that make invitations (XEP-0401 sections 5.1 and 5.4).

use crate::account::adhoc::Finish;
use crate::account::invite;
use crate::account::service::Asked;
use crate::base::jid::BareJid;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::invite::Invite;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;

/// The form of the result.
const INVITATION: &str = "urn:xmpp:invite#invitation";

/// Section 5.4: a name, if it is to be a certain one, and whether to be a contact.
pub(super) fn form() -> Form {
    Form {
        title: Some("Create account".into()),
        ..Form::new(FormKind::Form)
    }
    .with(Field::new("username", FieldKind::TextSingle).with_label("The name, or none for any"))
    .with(Field::boolean("roster-subscription", true).with_label("Become a contact"))
}

/// Section 5.1: for a contact, who may make an account where invitations are good for that.
pub(super) fn invite(view: &View<'_>, asked: &Asked<'_>) -> Result<Finish, Stop> {
    let invite = Invite {
        by: Some(asked.request.from.bare()),
        name: None,
        may_register: view.settings.invites.may_register,
        expires: view.now().plus_ms(view.settings.invites.valid_ms),
    };
    finish(view, &invite)
}

pub(super) fn create_account(
    view: &View<'_>,
    asked: &Asked<'_>,
    form: &Form,
) -> Result<Finish, Stop> {
    if !view.settings.invites.may_register {
        return Ok(Finish::failed(
            "nobody can register here: registration is closed",
        ));
    }
    let name = form.value("username").filter(|name| !name.is_empty());
    let jid = name.map(|name| BareJid::from_parts(Some(name), &view.settings.domain));
    let Ok(jid) = jid.transpose() else {
        return Ok(Finish::failed("this is no name for an account"));
    };
    let joins = form.boolean("roster-subscription")?.unwrap_or(false);
    let invite = Invite {
        by: joins.then(|| asked.request.from.bare()),
        name: jid.and_then(|jid| jid.local().map(Into::into)),
        may_register: true,
        expires: view.now().plus_ms(view.settings.invites.valid_ms),
    };
    finish(view, &invite)
}

fn finish(view: &View<'_>, invite: &Invite) -> Result<Finish, Stop> {
    let token = word(view.facts.random);
    let settings = view.settings;
    let uri = invite::uri(&settings.domain, &token, invite);
    let mut form = Form::with_type(FormKind::Result, INVITATION).with(Field::answer("uri", &uri));
    if let Some(pages) = &settings.invites.pages {
        form = form.with(Field::answer("landing-url", &format!("{pages}{token}")));
    }
    form = form.with(Field::answer("expire", &invite.expires.to_xep0082()));
    let made = invite::create(view, &token, invite)?;
    Ok(Finish {
        proposal: made,
        ..Finish::result(&form, &[])
    })
}

/// 128 random bits.
fn word(random: [u8; 32]) -> String {
    let bytes = random.first_chunk();
    format!(
        "{:032x}",
        bytes.map_or(0, |bytes| u128::from_be_bytes(*bytes))
    )
}
