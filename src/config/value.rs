//! A value as it was typed, before anybody asked what it means.

use toml_span::value::ValueInner;

/// TOML without its places; the place of the key is kept beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Self>),
    Table,
}

impl Value {
    /// The value behind `--set KEY=`: TOML, and what is not valid TOML is a text.
    pub(crate) fn parse_argument(text: &str) -> Self {
        let document = format!("value = {text}\n");
        let Ok(mut root) = toml_span::parse(&document) else {
            return Self::Text(text.to_owned());
        };
        let ValueInner::Table(mut table) = root.take() else {
            return Self::Text(text.to_owned());
        };
        // A line break in the argument could smuggle in a second key.
        match (table.len(), table.remove("value")) {
            (1, Some(mut value)) => Self::from_toml(value.take()),
            _ => Self::Text(text.to_owned()),
        }
    }

    pub(crate) fn from_toml(value: ValueInner<'_>) -> Self {
        match value {
            ValueInner::String(text) => Self::Text(text.into_owned()),
            ValueInner::Integer(number) => Self::Integer(number),
            ValueInner::Float(number) => Self::Float(number),
            ValueInner::Boolean(flag) => Self::Flag(flag),
            ValueInner::Array(items) => Self::List(
                items
                    .into_iter()
                    .map(|mut item| Self::from_toml(item.take()))
                    .collect(),
            ),
            ValueInner::Table(_) => Self::Table,
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{}\"", text.escape_debug()),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table => "a table".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_toml_and_otherwise_a_text() {
        let text = |text: &str| Value::Text(text.to_owned());
        let cases = [
            ("localhost", text("localhost")),
            ("\"localhost\"", text("localhost")),
            ("/var/lib/meerkat", text("/var/lib/meerkat")),
            ("10.0.0.1", text("10.0.0.1")),
            ("", text("")),
            ("false", Value::Flag(false)),
            ("1_000", Value::Integer(1_000)),
            ("[]", Value::List(Vec::new())),
            ("[\"a:1\"]", Value::List(vec![text("a:1")])),
            ("1\nother = 2", text("1\nother = 2")),
        ];
        for (argument, value) in cases {
            assert_eq!(Value::parse_argument(argument), value, "{argument:?}");
        }
    }
}
