//! A YAML file as a value, with the line of each of its fields beside it.

use std::{collections::HashMap, fmt, path::PathBuf};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    /// its path, as it was given
    pub(super) path: PathBuf,
    /// what it holds
    pub(super) value: Value,
    lines: HashMap<String, u64>,
}

/// Where something wrong stands in a file that is no YAML.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// counted from 1
    pub(super) line: u64,
    /// in the parser's words
    pub(super) message: String,
}

impl Document {
    /// Reads a file's text.
    pub(super) fn parse(path: PathBuf, text: &str) -> Result<Self, SyntaxError> {
        let tree: Spanned<Node> = serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            let message = error.without_snippet().to_string();
            SyntaxError { line, message }
        })?;
        let mut lines = HashMap::new();
        let value = flatten(tree.value, "", &mut lines);
        Ok(Self { path, value, lines })
    }

    /// The line of a field such as `clients[0].redirect_uris[1]`, or of what holds it, where it is not there itself.
    pub(super) fn line(&self, path: &str) -> u64 {
        let mut path = path;
        loop {
            match (self.lines.get(path), path.rfind(['.', '['])) {
                (Some(line), _) => return *line,
                (None, Some(end)) => path = &path[..end],
                (None, None) => return 1,
            }
        }
    }
}

fn flatten(node: Node, path: &str, lines: &mut HashMap<String, u64>) -> Value {
    match node {
        Node::Scalar(value) => value,
        Node::List(items) => {
            let items = items.into_iter().enumerate();
            let read = items.map(|(index, item)| {
                let path = format!("{path}[{index}]");
                lines.insert(path.clone(), item.referenced.line());
                flatten(item.value, &path, lines)
            });
            Value::Array(read.collect())
        }
        Node::Map(entries) => {
            let read = entries.into_iter().map(|(key, item)| {
                let path = if path.is_empty() { key.value.clone() } else { format!("{path}.{}", key.value) };
                lines.insert(path.clone(), key.referenced.line());
                (key.value, flatten(item.value, &path, lines))
            });
            Value::Object(read.collect())
        }
    }
}

#[derive(Debug)]
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_knows_its_line() {
        let text = "# clients\nclients:\n  - client_id: \"@myorg.is/webapp\"\n    redirect_uris:\n      - https://a.is\n      - ${APP}/cb\n    pem: |\n      one\n      two\n    sso: true\n    ttl: 300\n    none: ~\n";
        let document = Document::parse("clients.yaml".into(), text).expect("it is YAML");
        let of = |path: &str| document.line(path);
        assert_eq!(of("clients"), 2);
        assert_eq!(of("clients[0]"), 3);
        assert_eq!(of("clients[0].client_id"), 3);
        assert_eq!(of("clients[0].redirect_uris"), 4);
        assert_eq!(of("clients[0].redirect_uris[1]"), 6);
        assert_eq!(of("clients[0].redirect_uris[7]"), 4, "what holds it");
        assert_eq!(of("clients[0].pem"), 7);
        assert_eq!(of("clients[0].ttl"), 11);
        assert_eq!(document.value["clients"][0]["pem"], "one\ntwo\n");
        assert_eq!(document.value["clients"][0]["sso"], true);
        assert_eq!(document.value["clients"][0]["ttl"], 300);
        assert_eq!(document.value["clients"][0]["none"], Value::Null);
    }

    #[test]
    fn what_is_no_yaml_names_its_line() {
        for (text, line) in [("a: 1\nb: [1, 2\n", 2..=3), ("a: 1\na: 2\n", 2..=2), ("a: \"x\n", 1..=2)] {
            let error = Document::parse("f.yaml".into(), text).expect_err("it is no YAML");
            assert!(line.contains(&error.line), "{text:?}: {error:?}");
        }
    }
}
