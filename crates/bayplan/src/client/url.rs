//! Where a master answers.

use std::fmt;

/// `http://host:port`, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MasterUrl(String);

impl MasterUrl {
    /// Accepts `host:port` too.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = reqwest::Url::parse(&with_scheme).map_err(|error| format!("is no URL: {error}"))?;
        if url.scheme() != "http" {
            return Err(format!("has the scheme '{}', but masters speak http", url.scheme()));
        }
        if url.host_str().is_none_or(str::is_empty) || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err("is not of the form http://host:port".to_owned());
        }
        Ok(Self(with_scheme.trim_end_matches('/').to_owned()))
    }

    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether nobody on the way can listen.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = reqwest::Url::parse(&self.0).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for MasterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_is_a_host_and_a_port() {
        let shown = |text| MasterUrl::parse(text).map(|url| url.to_string());
        assert_eq!(shown("localhost:5050"), Ok("http://localhost:5050".to_owned()));
        assert_eq!(shown("http://[::1]:5050/"), Ok("http://[::1]:5050".to_owned()));
        for wrong in ["", "https://a:1", "http://", "http://a:1/v2", "http://a:x", "http://a?b=c"] {
            assert!(MasterUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        let is_loopback = |text| MasterUrl::parse(text).expect(text).is_loopback();
        assert!(["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"].into_iter().all(is_loopback));
        assert!(!["localhost.example:1", "10.0.0.1:1", "[::2]:1"].into_iter().any(is_loopback));
    }
}
