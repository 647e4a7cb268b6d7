//! Namespace names, each with the document that defines it. A name here is no promise of a feature.

use crate::xml::HOME_NAMESPACE;
use crate::xml::STREAM_NAMESPACE;

/// Stanzas between a client and a server (RFC 6120 section 4.8.2).
pub(crate) const CLIENT: &str = HOME_NAMESPACE;

/// The root of a stream and its features (RFC 6120 section 4.8.1).
pub(crate) const STREAM: &str = STREAM_NAMESPACE;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) const $name: &str = $value;
    )*};
}

// Streams and stanzas: RFC 6120, RFC 6121, RFC 7395.
names! {
    /// Conditions in stream errors (RFC 6120 section 4.9.2).
    STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";
    /// Conditions in stanza errors (RFC 6120 section 8.3.2).
    STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// Streams in messages of their own (RFC 7395 section 3.3).
    FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
    /// STARTTLS (RFC 6120 section 5).
    TLS = "urn:ietf:params:xml:ns:xmpp-tls";
    /// SASL (RFC 6120 section 6).
    SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
    /// Resource binding (RFC 6120 section 7).
    BIND = "urn:ietf:params:xml:ns:xmpp-bind";
    /// Session establishment, once RFC 3921 section 3, now without effect.
    SESSION = "urn:ietf:params:xml:ns:xmpp-session";
    /// The contact list (RFC 6121 section 2).
    ROSTER = "jabber:iq:roster";
    /// Stream feature of roster versions (RFC 6121 section 2.6.1).
    ROSTER_VERSIONS = "urn:xmpp:features:rosterver";
    /// Stream feature of subscriptions approved in advance (RFC 6121 section 3.4).
    PRE_APPROVAL = "urn:xmpp:features:pre-approval";
}

// Streams and sessions.
names! {
    /// XEP-0077: registration and change of password.
    REGISTER = "jabber:iq:register";
    /// XEP-0055: user search.
    SEARCH = "jabber:iq:search";
    /// XEP-0077: its stream feature.
    REGISTER_FEATURE = "http://jabber.org/features/iq-register";
    /// XEP-0198: stream management.
    SM = "urn:xmpp:sm:3";
    /// XEP-0280: message carbons.
    CARBONS = "urn:xmpp:carbons:2";
    /// XEP-0357: push notifications.
    PUSH = "urn:xmpp:push:0";
    /// XEP-0352: client state indication.
    CSI = "urn:xmpp:csi:0";
    /// XEP-0386: Bind 2.
    BIND2 = "urn:xmpp:bind:0";
    /// XEP-0379: the word of an invitation.
    PARS = "urn:xmpp:pars:0";
    /// XEP-0445: the stream feature of registration with one.
    IBR_TOKEN = "urn:xmpp:ibr-token:0";
    /// XEP-0401: the commands that make invitations.
    INVITE = "urn:xmpp:invite";
    /// XEP-0388: extensible SASL profile.
    SASL2 = "urn:xmpp:sasl:2";
    /// XEP-0440: SASL channel-binding types.
    CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";
    /// XEP-0478: stream limits.
    STREAM_LIMITS = "urn:xmpp:stream-limits:0";
    /// XEP-0484: fast authentication streamlining tokens.
    FAST = "urn:xmpp:fast:0";
}

// Discovery, queries, forms.
names! {
    /// XEP-0004: data forms.
    DATA = "jabber:x:data";
    /// XEP-0012: last activity.
    LAST = "jabber:iq:last";
    /// XEP-0030: discovery of features.
    DISCO_INFO = "http://jabber.org/protocol/disco#info";
    /// XEP-0030: discovery of items.
    DISCO_ITEMS = "http://jabber.org/protocol/disco#items";
    /// XEP-0049: private storage.
    PRIVATE = "jabber:iq:private";
    /// XEP-0050: ad-hoc commands.
    COMMANDS = "http://jabber.org/protocol/commands";
    /// XEP-0054: vcard-temp.
    VCARD = "vcard-temp";
    /// XEP-0059: result set management.
    RSM = "http://jabber.org/protocol/rsm";
    /// XEP-0092: software version.
    VERSION = "jabber:iq:version";
    /// XEP-0115: entity capabilities.
    CAPS = "http://jabber.org/protocol/caps";
    CAPS_OPTIMIZE = "http://jabber.org/protocol/caps#optimize";
    /// XEP-0157: contact addresses.
    SERVER_INFO = "http://jabber.org/network/serverinfo";
    /// XEP-0191: blocking command.
    BLOCKING = "urn:xmpp:blocking";
    /// XEP-0191: the condition in errors to the one who blocks.
    BLOCKING_ERRORS = "urn:xmpp:blocking:errors";
    /// XEP-0199: ping.
    PING = "urn:xmpp:ping";
    /// XEP-0202: entity time.
    TIME = "urn:xmpp:time";
    /// XEP-0215: services outside of XMPP.
    EXTERNAL_SERVICES = "urn:xmpp:extdisco:2";
    /// XEP-0363.
    HTTP_UPLOAD = "urn:xmpp:http:upload:0";
    /// XEP-0313: message archive management.
    MAM = "urn:xmpp:mam:2";
    /// XEP-0313: its extended feature.
    MAM_EXTENDED = "urn:xmpp:mam:2#extended";
    /// XEP-0377: reports of spam and abuse.
    REPORTING = "urn:xmpp:reporting:1";
    /// XEP-0431: full text search in archives.
    FULLTEXT = "urn:xmpp:fulltext:0";
    FULLTEXT_FIELD = "{urn:xmpp:fulltext:0}fulltext";
}

// What stands in messages and presence.
names! {
    /// XEP-0085: chat states.
    CHAT_STATES = "http://jabber.org/protocol/chatstates";
    /// XEP-0184: delivery receipts.
    RECEIPTS = "urn:xmpp:receipts";
    /// XEP-0203: delayed delivery.
    DELAY = "urn:xmpp:delay";
    /// XEP-0249: direct invitations to rooms.
    DIRECT_INVITATION = "jabber:x:conference";
    /// XEP-0333: displayed markers.
    MARKERS = "urn:xmpp:chat-markers:0";
    /// XEP-0380: how a message is encrypted.
    ENCRYPTION = "urn:xmpp:eme:0";
    /// XEP-0334: message processing hints.
    HINTS = "urn:xmpp:hints";
    /// XEP-0359: unique and stable stanza ids.
    SID = "urn:xmpp:sid:0";
    /// XEP-0424: message retraction.
    RETRACT = "urn:xmpp:message-retract:1";
    /// XEP-0424: archives put tombstones in the place of what was retracted.
    TOMBSTONE = "urn:xmpp:message-retract:1#tombstone";
    /// XEP-0425: moderated message retraction.
    MODERATE = "urn:xmpp:message-moderate:1";
    /// XEP-0444: message reactions.
    REACTIONS = "urn:xmpp:reactions:0";
}

// Accounts in files.
names! {
    /// XEP-0227: a server's accounts.
    PIE = "urn:xmpp:pie:0";
    /// XEP-0227: keys of a password.
    PIE_SCRAM = "urn:xmpp:pie:0#scram";
    /// XEP-0227: an archive.
    PIE_MAM = "urn:xmpp:pie:0#mam";
    /// XEP-0016: privacy lists; here the form that block lists have in files.
    PRIVACY = "jabber:iq:privacy";
    /// XEP-0297: a message inside of another element.
    FORWARD = "urn:xmpp:forward:0";
    /// XML Inclusions: the rest is in another file.
    XINCLUDE = "http://www.w3.org/2001/XInclude";
}

// Rooms (XEP-0045 and around) and publish-subscribe (XEP-0060 and around).
names! {
    /// XEP-0045: joining a room, and the feature.
    MUC = "http://jabber.org/protocol/muc";
    /// XEP-0045: what occupants are told.
    MUC_USER = "http://jabber.org/protocol/muc#user";
    /// XEP-0045: roles and affiliations.
    MUC_ADMIN = "http://jabber.org/protocol/muc#admin";
    /// XEP-0045: configuration and destruction.
    MUC_OWNER = "http://jabber.org/protocol/muc#owner";
    /// XEP-0045: form type of the configuration.
    MUC_CONFIG = "http://jabber.org/protocol/muc#roomconfig";
    /// XEP-0045: form type of a registration, and of a request for it.
    MUC_REGISTER = "http://jabber.org/protocol/muc#register";
    /// XEP-0045: form type of a request for voice.
    MUC_REQUEST = "http://jabber.org/protocol/muc#request";
    /// XEP-0045: form type of the room's description in discovery.
    MUC_ROOM_INFO = "http://jabber.org/protocol/muc#roominfo";
    /// XEP-0317: hats.
    HATS = "urn:xmpp:hats:0";
    /// XEP-0317: form type of the commands about hats.
    HATS_COMMANDS = "urn:xmpp:hats:commands";
    /// XEP-0410: self-ping, which a server may answer for a room.
    MUC_SELF_PING = "http://jabber.org/protocol/muc#self-ping-optimization";
    /// XEP-0131: headers of a stanza.
    SHIM = "http://jabber.org/protocol/shim";
    /// XEP-0060: publish-subscribe.
    PUBSUB = "http://jabber.org/protocol/pubsub";
    /// XEP-0060: notifications.
    PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
    /// XEP-0060: what owners do.
    PUBSUB_OWNER = "http://jabber.org/protocol/pubsub#owner";
    /// XEP-0060: conditions in errors.
    PUBSUB_ERRORS = "http://jabber.org/protocol/pubsub#errors";
    /// XEP-0060: form type of a node's configuration.
    NODE_CONFIG = "http://jabber.org/protocol/pubsub#node_config";
    /// XEP-0060: form type of what is told of a node.
    NODE_META = "http://jabber.org/protocol/pubsub#meta-data";
    /// XEP-0060: form type of what a publisher takes for granted.
    PUBLISH_OPTIONS = "http://jabber.org/protocol/pubsub#publish-options";
    /// XEP-0060: form type of the options of a subscription.
    SUBSCRIBE_OPTIONS = "http://jabber.org/protocol/pubsub#subscribe_options";
    /// XEP-0060: form type of the question whether somebody may subscribe.
    SUBSCRIBE_AUTHORIZATION = "http://jabber.org/protocol/pubsub#subscribe_authorization";
    /// XEP-0084: what is told of the picture of a user.
    AVATAR_METADATA = "urn:xmpp:avatar:metadata";
    /// XEP-0153: the hash of the picture, in presence.
    VCARD_UPDATE = "vcard-temp:x:update";
    /// XEP-0433: looking for rooms.
    CHANNEL_SEARCH = "urn:xmpp:channel-search:0:search";
    /// XEP-0433: form type of what is looked for.
    CHANNEL_SEARCH_PARAMS = "urn:xmpp:channel-search:0:search-params";
    /// XEP-0433: why a search is refused.
    CHANNEL_SEARCH_ERROR = "urn:xmpp:channel-search:0:error";
    /// XEP-0421: occupant ids.
    OCCUPANT_ID = "urn:xmpp:occupant-id:0";
}
