//! The page behind an invitation's link: what it is, a button, and ways into clients (XEP-0401 section 5.2).
//!
//! One static page of some kilobytes, without a script, a picture, a font or anything else from elsewhere, and
//! without a word that was not written here or escaped. Whoever opens it is told who invites, as far as the
//! invitation says so; a word that is good for nothing gets a page that says that.

use std::fmt::Write as _;

use crate::account::invite;
use crate::model::invite::Invite;
use crate::xml::append_attribute;

/// Clients that know what to do with an invitation, with where they come from.
const CLIENTS: &[(&str, &str, &str)] = &[
    ("Android", "Conversations", "https://conversations.im/"),
    ("Android", "Cheogram", "https://cheogram.com/"),
    ("iPhone, iPad, Mac", "Monal", "https://monal-im.org/"),
    ("Linux, Windows", "Gajim", "https://gajim.org/"),
    ("Linux", "Dino", "https://dino.im/"),
];

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<meta name=\"robots\" content=\"noindex\"><meta name=\"referrer\" content=\"no-referrer\">\
<title>Invitation</title><style>\
body{font:1.1em/1.5 system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
a.go{display:inline-block;padding:.7em 1.4em;border-radius:.4em;background:#1f5fa8;color:#fff;text-decoration:none}\
code{word-break:break-all}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}a{color:#8ab8ee}}\
</style></head><body>\n";

/// What the page may load and do: nothing but its own style.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page for an invitation; `None`: there is none with this word, or its time is over.
pub(crate) fn page(domain: &str, token: &str, invite: Option<&Invite>) -> String {
    let mut page = String::from(HEAD);
    match invite {
        Some(invite) => write_invitation(&mut page, domain, token, invite),
        None => page.push_str(
            "<h1>This invitation is not good any more</h1>\
             <p>It was used, or its time is over. Ask whoever sent it for another one.</p>",
        ),
    }
    page.push_str("</body></html>\n");
    page
}

fn write_invitation(page: &mut String, domain: &str, token: &str, invite: &Invite) {
    let host = escape(domain);
    let who = invite.by.as_ref().map(|by| escape(by.as_str()));
    let uri = escape(&invite::uri(domain, token, invite));
    match &who {
        Some(who) => write!(page, "<h1>{who} invites you to chat</h1>").unwrap_or_default(),
        None => write!(page, "<h1>You are invited to {host}</h1>").unwrap_or_default(),
    }
    page.push_str("<ol><li><p>Get one of these, if you have none:</p><ul>");
    for (system, name, link) in CLIENTS {
        write!(
            page,
            "<li>{system}: <a rel=\"noreferrer\" href=\"{link}\">{name}</a></li>"
        )
        .unwrap_or_default();
    }
    page.push_str("</ul></li><li><p>Then open the invitation with it:</p>");
    write!(
        page,
        "<p><a class=\"go\" href=\"{uri}\">Open the invitation</a></p>"
    )
    .unwrap_or_default();
    write!(
        page,
        "<p>or copy this into it: <code>{uri}</code></p></li></ol>"
    )
    .unwrap_or_default();
    if invite.may_register {
        write!(page, "<p>Without an account you get one at {host}: the client asks for a name and a password.</p>").unwrap_or_default();
    }
    let until = invite.expires.to_xep0082();
    write!(page, "<p>Good for one person until {}.</p>", escape(&until)).unwrap_or_default();
}

/// For text and for attributes in double quotes.
fn escape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    append_attribute(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::jid::BareJid;
    use crate::base::time::Timestamp;

    fn invite(by: &str) -> Invite {
        Invite {
            by: Some(BareJid::parse(by).unwrap()),
            name: None,
            may_register: true,
            expires: Timestamp::from_unix_ms(1_790_000_000_000),
        }
    }

    #[test]
    fn a_page_has_the_invitation_and_nothing_from_elsewhere() {
        let page = page("chat.example", "abc", Some(&invite("ann@chat.example")));

        assert!(page.contains("href=\"xmpp:ann@chat.example?roster;preauth=abc;ibr=y\""));
        assert!(page.contains("ann@chat.example invites you"));
        for word in ["<script", "src=", "@import", "url(", "<link", "<img"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn what_others_have_written_is_text_and_no_markup() {
        let page = page(
            "chat.example",
            "\"'><script>",
            Some(&invite("ann@chat.example")),
        );

        assert!(!page.contains("<script>"), "{page}");
        assert!(
            page.contains("preauth=&quot;&apos;&gt;&lt;script"),
            "{page}"
        );
    }

    #[test]
    fn a_word_that_is_good_for_nothing_gets_a_page_that_says_so() {
        let page = page("chat.example", "abc", None);
        assert!(page.contains("not good any more") && !page.contains("abc"));
    }
}
