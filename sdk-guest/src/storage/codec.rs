//! How values become bytes: short, canonical, and empty for zero.
//!
//! Integers are big-endian without leading zeros, signed ones after zigzag. In tuples, structs and options each field
//! is preceded by its length, so that small numbers stay small there too: `(Address, u64)` is 22 bytes for one wei.

use alloy_primitives::{Address, B256, Bytes, U256};

/// A type that can be stored.
///
/// `decode` takes exactly what `encode` wrote and gives none for anything else; of no bytes it must give the type's
/// zero, because that is what absent storage reads as. Structs get this from [`crate::stored_struct!`].
pub trait Stored: Sized {
    /// Appends the value's bytes; none for zero.
    fn encode(&self, out: &mut Vec<u8>);

    /// The value of these bytes.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// Appends a field of a composite: its length (LEB128), then its bytes.
pub fn write_field<T: Stored>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    out.push(0);
    value.encode(out);
    let mut length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(4);
    while length >= 0x80 {
        prefix.push(length as u8 | 0x80);
        length >>= 7;
    }
    prefix.push(length as u8);
    out.splice(start..=start, prefix);
}

/// Takes a field of a composite off the front. Past the end it is the type's zero: a field that a later version added.
pub fn read_field<T: Stored>(bytes: &mut &[u8]) -> Option<T> {
    if bytes.is_empty() {
        return T::decode(&[]);
    }
    let mut length = 0usize;
    for shift in [0, 7, 14, 21] {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            if byte == 0 && shift > 0 {
                return None;
            }
            let (field, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return T::decode(field);
        }
    }
    None
}

macro_rules! stored_unsigned {
    ($($int:ty),*) => { $(
        impl Stored for $int {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes()[self.leading_zeros() as usize / 8..]);
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                let mut buffer = [0; size_of::<Self>()];
                minimal(bytes, &mut buffer)?;
                Some(Self::from_be_bytes(buffer))
            }
        }
    )* };
}
stored_unsigned!(u8, u16, u32, u64, u128);

macro_rules! stored_signed {
    ($($int:ty as $unsigned:ty),*) => { $(
        impl Stored for $int {
            fn encode(&self, out: &mut Vec<u8>) {
                ((*self << 1) ^ (*self >> (Self::BITS - 1))).cast_unsigned().encode(out);
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                let zigzag = <$unsigned>::decode(bytes)?;
                Some((zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed()))
            }
        }
    )* };
}
stored_signed!(i32 as u32, i64 as u64, i128 as u128);

/// Puts minimal big-endian bytes at the end of the buffer; none when they are too long or have leading zeros.
fn minimal(bytes: &[u8], buffer: &mut [u8]) -> Option<()> {
    if bytes.first() == Some(&0) {
        return None;
    }
    let start = buffer.len().checked_sub(bytes.len())?;
    buffer[start..].copy_from_slice(bytes);
    Some(())
}

impl Stored for U256 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes::<32>()[self.leading_zeros() / 8..]);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut buffer = [0; 32];
        minimal(bytes, &mut buffer)?;
        Some(Self::from_be_bytes(buffer))
    }
}

impl Stored for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        u8::from(*self).encode(out);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

/// All its bytes, or none when they are all zero.
impl<const N: usize> Stored for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        if self.iter().any(|byte| *byte != 0) {
            out.extend_from_slice(self);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => Some([0; N]),
            _ => bytes.try_into().ok().filter(|array: &Self| array.iter().any(|byte| *byte != 0)),
        }
    }
}

impl Stored for Address {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.0.encode(out);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Stored::decode(bytes).map(|array: [u8; 20]| array.into())
    }
}

impl Stored for B256 {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Stored::decode(bytes).map(Self)
    }
}

impl Stored for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

impl Stored for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self::copy_from_slice(bytes))
    }
}

impl Stored for String {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        core::str::from_utf8(bytes).ok().map(Self::from)
    }
}

/// None is absent; `Some` of a zero is present, at the price of one byte before each value.
impl<T: Stored> Stored for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            out.push(1);
            value.encode(out);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => Some(None),
            [1, value @ ..] => T::decode(value).map(Some),
            _ => None,
        }
    }
}

macro_rules! stored_tuple {
    ($($name:ident . $index:tt),*) => {
        /// A present tuple is never empty, so one of zeros can be told from an absent one.
        impl<$($name: Stored),*> Stored for ($($name,)*) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(write_field(out, &self.$index);)*
            }

            fn decode(mut bytes: &[u8]) -> Option<Self> {
                let tuple = ($(read_field::<$name>(&mut bytes)?,)*);
                bytes.is_empty().then_some(tuple)
            }
        }
    };
}
stored_tuple!(A.0, B.1);
stored_tuple!(A.0, B.1, C.2);
stored_tuple!(A.0, B.1, C.2, D.3);

/// Declares a struct that can be stored. Fields may be added at the end later: older values read them as zero.
///
/// ```
/// # use caldera_sdk::prelude::*;
/// stored_struct! {
///     /// What somebody owes.
///     #[derive(Clone, Debug, PartialEq)]
///     pub struct Obligation { pub debtor: Address, pub amount: u128, pub due: u64 }
/// }
/// ```
#[macro_export]
macro_rules! stored_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),+ }

        impl $crate::storage::Stored for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::storage::write_field(out, &self.$field);)+
            }

            fn decode(mut bytes: &[u8]) -> Option<Self> {
                let value = Self { $($field: $crate::storage::read_field::<$type>(&mut bytes)?),+ };
                bytes.is_empty().then_some(value)
            }
        }
    };
}
