//! How the last swap of a mount ended. The registry keeps it, so that the end of the road can be asked for and proven like
//! the phases before it; the event of the same block says why.

use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

use crate::component::Digest;

/// The last swap of a mount that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct LastSwap {
    /// The component that was to replace another.
    pub digest: Digest,
    /// How it ended.
    pub outcome: Outcome,
    /// Height of the block in which it ended.
    pub height: u64,
}

/// The ends of the road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It stands, and nothing goes back behind it.
    Final,
    /// The rule of its probation tripped, and the generation before stands again.
    Reverted,
    /// It did not go live; what stood before still stands.
    Failed,
    /// The rule of its probation tripped, and nothing fits the state.
    Frozen,
}

impl Outcome {
    /// All of them; the place of each is its stored form.
    pub const ALL: [Self; 4] = [Self::Final, Self::Reverted, Self::Failed, Self::Frozen];

    /// The name by which users see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Reverted => "reverted",
            Self::Failed => "failed",
            Self::Frozen => "frozen",
        }
    }
}

impl Encodable for Outcome {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        (*self as u8).encode(out);
    }

    fn length(&self) -> usize {
        (*self as u8).length()
    }
}

impl Decodable for Outcome {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let place = usize::from(u8::decode(buf)?);
        Self::ALL.get(place).copied().ok_or(alloy_rlp::Error::Custom("no such outcome of a swap"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_pinned_and_reads_back() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            let last = LastSwap { digest: Digest::of(b"x"), outcome, height: 7 };
            let bytes = alloy_rlp::encode(last);
            assert_eq!(bytes[34], [0x80, 1, 2, 3][place], "{outcome:?}");
            assert_eq!(alloy_rlp::decode_exact::<LastSwap>(&bytes).unwrap(), last);
        }
        assert!(alloy_rlp::decode_exact::<Outcome>([4]).is_err());
    }
}
