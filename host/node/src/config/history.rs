//! `history` of a chain: which old states are kept.

use std::{fmt, num::NonZeroU64};

use caldera_state::History;
use serde::{Deserialize, Deserializer, de};

/// Fewest blocks: who asks for "latest", and a shadow that is behind, must find the state of what they saw.
pub const LEAST_BLOCKS: u64 = 128;

/// Which old states are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryConfig(History);

impl From<HistoryConfig> for History {
    fn from(config: HistoryConfig) -> Self {
        config.0
    }
}

impl<'de> Deserialize<'de> for HistoryConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = HistoryConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"all\", or a number of blocks from {LEAST_BLOCKS}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<HistoryConfig, E> {
        if text == "all" {
            return Ok(HistoryConfig(History::All));
        }
        Err(E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, blocks: i64) -> Result<HistoryConfig, E> {
        let enough = u64::try_from(blocks).ok().filter(|blocks| *blocks >= LEAST_BLOCKS).and_then(NonZeroU64::new);
        let enough = enough.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(blocks), &self))?;
        Ok(HistoryConfig(History::Blocks(enough)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_enough_blocks() {
        let read = |text: &str| {
            let value: toml::Value = toml::from_str::<toml::Table>(text).unwrap()["history"].clone();
            HistoryConfig::deserialize(value).map(History::from).map_err(|error| error.to_string())
        };
        assert_eq!(read("history = \"all\""), Ok(History::All));
        assert_eq!(read("history = 128"), Ok(History::Blocks(NonZeroU64::new(128).unwrap())));
        for wrong in ["history = 127", "history = 0", "history = -1", "history = \"some\"", "history = true"] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("\"all\", or a number of blocks from 128"), "{wrong}: {error}");
        }
    }
}
