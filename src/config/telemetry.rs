//! `[telemetry]`: how the server writes about itself.

use serde::{Deserialize, Deserializer, de::Error as _};
use tracing_subscriber::EnvFilter;

/// How log records look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// one JSON object per line, for machines
    Json,
    /// one line of text per record, for a developer
    Text,
}

/// What the log needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// how records look
    pub log_format: LogFormat,
    /// levels by module, as `tracing_subscriber::EnvFilter` reads them
    #[serde(deserialize_with = "log_filter")]
    pub log_filter: String,
}

fn log_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match EnvFilter::builder().parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(D::Error::custom(format_args!("`{text}` is not a list of levels such as `info,ias=debug`: {error}"))),
    }
}
