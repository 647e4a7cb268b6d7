//! What clients want to hear of: entity capabilities (XEP-0115), of which only the names before `+notify` are kept.
//!
//! A version that is known costs a look into a map. One that is not is asked for once, of whoever shows it first; when the
//! answer has the hash that the version is, it holds for everybody who shows it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use base64ct::Base64;
use base64ct::Encoding as _;
use ring::digest;

use crate::base::jid::Jid;
use crate::base::pubsub_limits::CAPS_PARTS_MAX;
use crate::base::pubsub_limits::INTERESTS_MAX;
use crate::base::pubsub_limits::NODE_NAME_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::op::Soft;
use crate::model::pubsub::Interests;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::form::Form;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::outgoing::parse_payload;
use crate::xml::Node;
use crate::xml::Writer;

/// What the id of a question begins with; its answer is known by it.
const QUESTION: &str = "caps-";

/// `<c/>` in a presence.
struct Shown {
    hash: Box<str>,
    node: Box<str>,
    ver: Box<str>,
}

impl Shown {
    fn parse(presence: Node<'_>) -> Option<Self> {
        let caps = presence.child("c", ns::CAPS)?;
        let attr = |name| Box::from(&*caps.attr(name).unwrap_or_default());
        let shown = Self {
            hash: attr("hash"),
            node: attr("node"),
            ver: attr("ver"),
        };
        let is_long = shown.ver.len() + shown.hash.len() > NODE_NAME_BYTES_MAX;
        (!shown.ver.is_empty() && !is_long).then_some(shown)
    }

    /// Without a hash (before version 1.4) it stands for this program alone.
    fn version(&self) -> Box<str> {
        if self.hash.is_empty() {
            format!("{}#{}", self.node, self.ver).into()
        } else {
            format!("{} {}", self.hash, self.ver).into()
        }
    }

    fn algorithm(&self) -> Option<&'static digest::Algorithm> {
        match &*self.hash {
            "sha-1" => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            "sha-256" => Some(&digest::SHA256),
            "sha-512" => Some(&digest::SHA512),
            _ => None,
        }
    }
}

/// A resource says what it can do: known already, or to be asked.
pub(crate) fn notice(view: &View<'_>, request: &Request) -> Proposal {
    let jid = &request.from;
    let Some(shown) = Shown::parse(request.stanza.root()) else {
        return Proposal::nothing();
    };
    let version = shown.version();
    let online = view.online(jid.as_jid());
    let before = online.and_then(|online| online.interests.as_ref());
    if before.is_some_and(|before| before.version == version) {
        return Proposal::nothing();
    }
    if let Some(known) = view.base.caps.known(&version) {
        let (jid, interests) = (jid.clone(), known.clone());
        return Proposal::nothing().soft(Soft::Interests { jid, interests });
    }
    let Ok(domain) = Jid::parse(&view.settings.domain) else {
        return Proposal::nothing();
    };
    let mut writer = Writer::new();
    let node = format!("{}#{}", shown.node, shown.ver);
    writer
        .start_ns("query", ns::DISCO_INFO)
        .attr("node", &node)
        .end();
    let number = view.facts.random.first_chunk().copied().unwrap_or_default();
    Proposal::answer(Outgoing {
        kind: Kind::Iq(IqType::Get),
        from: domain,
        to: Some(jid.to_jid()),
        id: Some(format!("{QUESTION}{:016x}", u64::from_be_bytes(number)).into()),
        lang: None,
        payload: writer.finish().into(),
    })
}

/// The answer to such a question; `None`: it is something else.
pub(crate) fn learn(view: &View<'_>, request: &Request) -> Option<Proposal> {
    let stanza = &request.stanza;
    let is_ours = stanza.id.as_deref()?.starts_with(QUESTION);
    let query = stanza.root().child("query", ns::DISCO_INFO);
    let query = query.filter(|_| is_ours && stanza.kind == Kind::Iq(IqType::Result))?;
    let online = view.online(request.from.as_jid())?;
    let payload = &online.presence.as_ref()?.stanza.payload;
    let presence = parse_payload(payload)?;
    let shown = Shown::parse(presence.root())?;
    let interests = Interests {
        version: shown.version(),
        nodes: Arc::new(wanted(query)),
    };
    let mut proposal = Proposal::nothing();
    let is_true = shown.algorithm().is_some_and(|algorithm| {
        let text = verification(query);
        text.is_some_and(|text| {
            let hash = digest::digest(algorithm, text.as_bytes());
            Base64::encode_string(hash.as_ref()) == *shown.ver
        })
    });
    if is_true {
        let interests = interests.clone();
        proposal = proposal.soft(Soft::Caps { interests });
    }
    let jid = request.from.clone();
    Some(proposal.soft(Soft::Interests { jid, interests }))
}

/// The nodes that the features ask to be notified of.
fn wanted(query: Node<'_>) -> BTreeSet<Box<str>> {
    let features = query.children().filter(|child| child.name() == "feature");
    let names = features.filter_map(|feature| {
        let var = feature.attr("var")?;
        let node = var.strip_suffix("+notify")?;
        (node.len() <= NODE_NAME_BYTES_MAX).then(|| Box::from(node))
    });
    names.take(INTERESTS_MAX).collect()
}

/// The verification string (section 5.1); `None`: what is told is ill-formed (section 5.4).
fn verification(query: Node<'_>) -> Option<String> {
    if query.children().count() > CAPS_PARTS_MAX {
        return None;
    }
    let named = |name: &'static str| query.children().filter(move |child| child.name() == name);
    let mut identities: Vec<String> = named("identity")
        .map(|one| {
            let attr = |name| one.attr(name).unwrap_or_default();
            let lang = one.lang().unwrap_or_default();
            let lang = if has_lang(one) { lang } else { Cow::default() };
            let (category, kind, name) = (attr("category"), attr("type"), attr("name"));
            escape(&format!("{category}/{kind}/{lang}/{name}"))
        })
        .collect();
    let features = named("feature").filter_map(|one| one.attr("var"));
    let mut features: Vec<String> = features.map(|var| escape(&var)).collect();
    let forms = query.children().filter(|child| child.is("x", ns::DATA));
    let mut forms: Vec<(String, String)> = forms
        .filter_map(|one| form(&Form::parse(one).ok()?))
        .collect();
    identities.sort_unstable();
    features.sort_unstable();
    forms.sort_unstable();
    let is_twice = |texts: &[String]| texts.windows(2).any(|two| two.first() == two.last());
    let is_form_twice = forms
        .windows(2)
        .any(|two| two.first().map(|one| &one.0) == two.last().map(|one| &one.0));
    if is_twice(&identities) || is_twice(&features) || is_form_twice {
        return None;
    }
    let mut text = String::new();
    for part in identities.iter().chain(&features) {
        text.push_str(part);
        text.push('<');
    }
    for (_, part) in &forms {
        text.push_str(part);
    }
    Some(text)
}

/// Whether the element says its language itself.
fn has_lang(node: Node<'_>) -> bool {
    let mut attributes = node.attributes();
    attributes.any(|one| one.prefix == "xml" && one.name == "lang")
}

/// A form with its type; one without counts for nothing.
fn form(form: &Form) -> Option<(String, String)> {
    let kind = escape(form.form_type()?);
    let mut text = format!("{kind}<");
    let mut fields: Vec<_> = form.fields.iter().collect();
    fields.retain(|field| &*field.var != "FORM_TYPE");
    fields.sort_by(|one, other| one.var.cmp(&other.var));
    for field in fields {
        text.push_str(&escape(&field.var));
        text.push('<');
        let mut values: Vec<String> = field.values.iter().map(|value| escape(value)).collect();
        values.sort_unstable();
        for value in values {
            text.push_str(&value);
            text.push('<');
        }
    }
    Some((kind, text))
}

/// Section 5.1: so that nothing looks like the end of a part.
fn escape(text: &str) -> String {
    text.replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    /// The simple and the complex example of XEP-0115 sections 5.2 and 5.3.
    #[test]
    fn the_examples_have_the_hashes_that_they_should() {
        let simple = "<query xmlns='http://jabber.org/protocol/disco#info'>\
            <identity category='client' name='Exodus 0.9.1' type='pc'/>\
            <feature var='http://jabber.org/protocol/caps'/>\
            <feature var='http://jabber.org/protocol/disco#items'/>\
            <feature var='http://jabber.org/protocol/disco#info'/>\
            <feature var='http://jabber.org/protocol/muc'/></query>";
        let complex = "<query xmlns='http://jabber.org/protocol/disco#info'>\
            <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
            <identity xml:lang='el' category='client' name='\u{3a8} 0.11' type='pc'/>\
            <feature var='http://jabber.org/protocol/caps'/>\
            <feature var='http://jabber.org/protocol/disco#info'/>\
            <feature var='http://jabber.org/protocol/disco#items'/>\
            <feature var='http://jabber.org/protocol/muc'/>\
            <x xmlns='jabber:x:data' type='result'>\
            <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>\
            <field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>\
            <field var='os'><value>Mac</value></field>\
            <field var='os_version'><value>10.5.1</value></field>\
            <field var='software'><value>Psi</value></field>\
            <field var='software_version'><value>0.11</value></field></x></query>";
        for (xml, ver) in [
            (simple, "QgayPKawpkPSDYmwT/WM94uAlu0="),
            (complex, "q07IKJEyjvHSyhy//CH0CxmKi8w="),
        ] {
            let element = Element::parse(xml.as_bytes()).unwrap();
            let text = verification(element.root()).unwrap();
            let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
            assert_eq!(Base64::encode_string(hash.as_ref()), ver);
        }
    }

    #[test]
    fn a_feature_told_twice_is_not_believed() {
        let xml = "<query xmlns='http://jabber.org/protocol/disco#info'>\
            <feature var='a'/><feature var='a'/></query>";
        let element = Element::parse(xml.as_bytes()).unwrap();
        assert_eq!(verification(element.root()), None);
    }
}
