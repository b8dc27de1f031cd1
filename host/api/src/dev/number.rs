//! Numbers as test tools write them: a quantity, decimal digits, or a JSON number.

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, de::Error};

use crate::errors::{Reply, RpcError};

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) U256);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let not = |what: &str| {
            D::Error::custom(format!("{what} is no number: write 0x and hexadecimal digits, or decimal ones"))
        };
        match Written::deserialize(from).map_err(|_| not("this"))? {
            Written::Plain(number) => Ok(Self(U256::from(number))),
            Written::Text(text) => {
                let (digits, radix) = text.strip_prefix("0x").map_or((text.as_str(), 10), |digits| (digits, 16));
                let number = (!digits.is_empty()).then(|| U256::from_str_radix(digits, radix).ok()).flatten();
                number.map(Self).ok_or_else(|| not(&text))
            }
        }
    }
}

impl Number {
    /// As 64 bits; `what` it is, in case it is more.
    pub(super) fn small(self, what: &str) -> Reply<u64> {
        u64::try_from(self.0).map_err(|_| RpcError::InvalidParams(format!("{what} {} is over 64 bits", self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_in_all_their_forms() {
        let read = |text: &str| serde_json::from_str::<Number>(text).ok().map(|number| number.0);
        for text in ["26", "\"26\"", "\"0x1a\"", "\"0x1A\"", "\"0x001a\""] {
            assert_eq!(read(text), Some(U256::from(26)), "{text}");
        }
        for text in ["-1", "1.5", "\"\"", "\"0x\"", "\"x\"", "{}", "\"0x1g\""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
