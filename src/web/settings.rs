//! What the web door has of the settings.

use std::path::PathBuf;

/// Replaced as a whole when the settings are read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The domain that is served.
    pub(crate) domain: String,
    /// How the world reaches this door, `https://chat.example.org`, without a slash at the end.
    pub(crate) url: Option<String>,
    /// The folder whose files are served at `/`.
    pub(crate) root: Option<PathBuf>,
}

impl Settings {
    /// Whether a request for this host is for this server (RFC 9110 section 7.4).
    ///
    /// Without a public URL nobody knows by which names it is reached.
    pub(crate) fn serves_host(&self, host: &str) -> bool {
        let Some(url) = &self.url else {
            return true;
        };
        let is_own = |own: &str| {
            let below = host
                .strip_suffix(own)
                .is_some_and(|rest| rest.ends_with('.'));
            host == own || below
        };
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        is_address || host == "localhost" || is_own(&self.domain) || is_own(host_of(url))
    }

    /// The world comes by TLS; who is on this machine comes through the proxy that it ends at.
    pub(crate) fn is_secure_proxy(&self) -> bool {
        self.url
            .as_ref()
            .is_some_and(|url| url.starts_with("https://"))
    }

    /// The public URL, or the one that this request came by.
    pub(crate) fn base_url(&self, is_secure: bool, authority: &str) -> String {
        let scheme = if is_secure { "https" } else { "http" };
        match &self.url {
            Some(url) => url.clone(),
            None if authority.is_empty() => format!("{scheme}://{}", self.domain),
            None => format!("{scheme}://{authority}"),
        }
    }
}

fn host_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_served_by_its_names_once_they_are_known() {
        let mut settings = Settings {
            domain: "example.org".to_owned(),
            ..Settings::default()
        };
        assert!(settings.serves_host("whatever"));
        settings.url = Some("https://web.example.net:8443/chat".to_owned());
        for host in [
            "example.org",
            "a.example.org",
            "web.example.net",
            "::1",
            "10.0.0.1",
            "localhost",
        ] {
            assert!(settings.serves_host(host), "{host}");
        }
        for host in [
            "",
            "example.net",
            "badexample.org",
            "evil.test",
            "example.org.evil.test",
        ] {
            assert!(!settings.serves_host(host), "{host}");
        }
    }

    #[test]
    fn links_lead_where_the_settings_or_else_the_request_say() {
        let mut settings = Settings {
            domain: "example.org".to_owned(),
            ..Settings::default()
        };
        assert_eq!(
            settings.base_url(false, "10.0.0.1:5280"),
            "http://10.0.0.1:5280"
        );
        assert_eq!(settings.base_url(true, ""), "https://example.org");
        settings.url = Some("https://chat.example.org".to_owned());
        assert_eq!(
            settings.base_url(false, "10.0.0.1:5280"),
            "https://chat.example.org"
        );
    }
}
