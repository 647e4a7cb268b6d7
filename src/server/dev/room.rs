//! Rooms as somebody within makes them: entered, configured, with members (XEP-0045).

use crate::net::inside::Insider;
use crate::net::inside::Trouble;
use crate::net::inside::refusal;
use crate::server::hub::Node as Server;
use crate::stanza::form::Field;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Section 7.2. True: the room is new, and locked until it is configured (section 10.1.1).
pub(super) async fn enter(
    inside: &mut Insider<Server>,
    room: &str,
    nick: &str,
) -> Result<bool, Trouble> {
    let place = format!("{room}/{nick}");
    let mut writer = Writer::new();
    writer
        .start_ns("presence", ns::CLIENT)
        .attr("to", &place)
        .empty_ns("x", ns::MUC);
    inside.say(&writer.finish()).await;
    let answer = inside
        .until(|one| {
            let from = one.attr("from");
            let is_about = from.is_some_and(|from| *from == place || *from == *room);
            one.name() == "presence" && is_about
        })
        .await?;
    if let Some(trouble) = refusal(&answer) {
        return Err(trouble);
    }
    let about = answer.root().child("x", ns::MUC_USER);
    let mut codes = about.into_iter().flat_map(Node::children);
    Ok(codes.any(|one| one.attr("code").as_deref() == Some("201")))
}

/// Sections 10.1.3 and 10.2: it stays when nobody is there.
pub(super) async fn configure(
    inside: &mut Insider<Server>,
    room: &str,
    title: &str,
    is_for_members: bool,
) -> Result<(), Trouble> {
    let form = Form::with_type(FormKind::Submit, ns::MUC_CONFIG)
        .with(Field::answer("muc#roomconfig_roomname", title))
        .with(Field::boolean("muc#roomconfig_persistentroom", true))
        .with(Field::boolean("muc#roomconfig_membersonly", is_for_members));
    let mut writer = Writer::new();
    writer.start_ns("query", ns::MUC_OWNER);
    form.write(&mut writer);
    inside.ask(Some(room), "set", &writer.finish()).await
}

/// Section 9.3.
pub(super) async fn admit(
    inside: &mut Insider<Server>,
    room: &str,
    member: &str,
) -> Result<(), Trouble> {
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::MUC_ADMIN)
        .start("item")
        .attr("affiliation", "member")
        .attr("jid", member);
    inside.ask(Some(room), "set", &writer.finish()).await
}
