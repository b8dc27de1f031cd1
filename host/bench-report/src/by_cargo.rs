//! What cargo says to a bench.

/// Flags that `cargo bench` adds, for the arguments of a bench with `#[command(flatten)]`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ByCargo {
    /// That it is to be a bench, which it is anyway.
    #[arg(long, hide = true)]
    bench: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Args {
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        #[command(flatten)]
        _cargo: ByCargo,
    }

    #[test]
    fn what_cargo_adds_is_taken_and_what_nobody_knows_refused() {
        let read = |args: &str| Args::try_parse_from(args.split(' ')).map(|args| args.seconds);
        assert_eq!(read("bench --bench").unwrap(), 60);
        assert_eq!(read("bench --seconds 5 --bench").unwrap(), 5);
        assert!(read("bench --second 5 --bench").is_err());
        assert!(read("bench --seconds many").is_err());
    }
}
