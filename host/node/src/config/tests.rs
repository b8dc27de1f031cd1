//! The configuration as operators meet it: the example, misspelt keys, contradictions.

use super::{error::unknown_key, *};

const EXAMPLE: &str = include_str!("../../caldera.example.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("caldera.toml"))
}

/// The keys that serde knows below `header`, asked by a key that cannot be one.
fn known_keys(header: &str) -> Vec<String> {
    let error = toml::from_str::<Config>(&format!("{header}\n\"?\" = 0\n")).unwrap_err();
    unknown_key(error.message()).expect("serde's words for an unknown field changed").1
}

const TABLES: [&str; 12] = [
    "",
    "[limits]",
    "[admin]",
    "[compile]",
    "[pool]",
    "[validation]",
    "[weave]",
    "[[weave.links]]",
    "[[chain]]",
    "[[chain]]\n[[chain.account]]",
    "[[chain]]\n[[chain.mount]]",
    "[[chain]]\n[[chain.mount]]\n[chain.mount.limits]",
];

#[test]
fn the_example_parses_and_names_every_key() {
    parse(EXAMPLE).unwrap();
    for table in TABLES {
        let keys = known_keys(table);
        assert!(!keys.is_empty(), "{table}");
        for key in keys {
            let named = |line: &str| {
                let line = line.trim_start_matches(['#', ' ', '[']);
                line.strip_prefix("chain.mount.")
                    .or(line.strip_prefix("chain."))
                    .or(line.strip_prefix("weave."))
                    .unwrap_or(line)
                    .starts_with(&key)
            };
            assert!(EXAMPLE.lines().any(named), "caldera.example.toml does not name '{key}' of {table}");
        }
    }
}

#[test]
fn what_the_example_leaves_out_is_what_it_says() {
    let mut bare = parse("").unwrap();
    assert_eq!(bare, Config::recommended());
    let example = parse(EXAMPLE).unwrap();
    assert_eq!((example.listen, example.admin), (bare.listen, bare.admin));
    assert_eq!((example.cache_mib, example.node_cache_mib), (bare.cache_mib, bare.node_cache_mib));
    assert_eq!((example.compile, example.pool), (bare.compile, bare.pool));
    bare.resolve(Path::new("/srv"));
    assert!(bare.data.is_absolute());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    for (text, line, key, nearest) in [
        ("listn = \"127.0.0.1:1\"", 1, "listn", Some("listen")),
        ("\n\nblock-interval = 5", 3, "block-interval", Some("block-interval-ms")),
        ("block_interval_ms = 5", 1, "block_interval_ms", Some("block-interval-ms")),
        ("[[chain]]\nname = \"a\"\nchainid = 1", 3, "chainid", Some("chain-id")),
        ("[[chain]]\n[[chain.mount]]\n[chain.mount.limits]\nmemory = 5", 4, "memory", Some("memory-pages")),
        ("[admin]\nlisten-on = 1", 2, "listen-on", Some("listen")),
        ("[weave]\nheart-beat = 1", 2, "heart-beat", Some("heartbeat")),
        ("[pool]\nmemory = 1", 2, "memory", Some("memory-mib")),
        ("zzz = 1", 1, "zzz", None),
    ] {
        match parse(text).unwrap_err() {
            ConfigError::UnknownKey { line: l, key: k, nearest: n, .. } => {
                assert_eq!((l, k.as_str(), n.as_deref()), (line, key, nearest), "{text}");
            }
            other => panic!("{text}: {other}"),
        }
    }
    let message = parse("listn = 1").unwrap_err().to_string();
    assert!(message.starts_with("caldera.toml:1: unknown key 'listn'; did you mean 'listen'?"), "{message}");
}

#[test]
fn contradictions_say_what_does_not_fit() {
    let chain = |name: &str, id: u64, more: &str| {
        format!("[[chain]]\nname = \"{name}\"\nchain-id = {id}\ngovernor = \"0x{}\"\n{more}\n", "11".repeat(20))
    };
    let woven = |origin: &str, destination: &str| {
        let link = format!("[[weave.links]]\norigin = \"{origin}\"\ndestination = \"{destination}\"\n");
        chain("a", 1, "") + &chain("b", 2, "") + &link
    };
    for (text, want) in [
        (chain("a", 1, "") + &chain("a", 2, ""), "two chains are named 'a'"),
        (chain("a", 1, "") + &chain("b", 1, ""), "the id 1 of another chain"),
        (chain("A b", 1, ""), "lower-case"),
        (chain("a", 1, "gas-limit = 5"), "gas-limit 5"),
        (chain("a", 1, "base-fee-elasticity = 0"), "base-fee-elasticity 0 and base-fee-denominator 8 of chain 'a'"),
        (chain("a", 1, "base-fee-denominator = 0"), "both must be 1 at least"),
        (chain("a", 1, "genesis = \"g.json\"\nbase-fee-denominator = 50"), "both genesis and base-fee-elasticity or"),
        (chain("a", 1, "").replace("11", "00"), "zero address"),
        ("block-interval-ms = 0".to_owned(), "block-interval-ms is 0"),
        (chain("a", 1, "block-interval-ms = 0"), "block-interval-ms of chain 'a'"),
        (chain("a", 1, "genesis = \"g.json\"\ngenesis-time-s = 5"), "both genesis and genesis-time-s"),
        (
            chain(
                "a",
                1,
                "genesis = \"g.json\"\n[[chain.account]]\naddress = \"0x1111111111111111111111111111111111111111\"",
            ),
            "both genesis and [[chain.account]]",
        ),
        (chain("a", 1, "follow = \"https://x/chains/a\""), "it must begin with http://"),
        (
            format!("[validation]\nowners = [{}]", vec![format!("\"0x{}\"", "11".repeat(20)); 129].join(", ")),
            "129 validators",
        ),
        (woven("a", "c"), "destination of a link of [weave] is 'c', which is no chain of this file; it has: a, b"),
        (woven("c", "b"), "origin of a link of [weave] is 'c'"),
        (woven("a", "a"), "goes from 'a' to itself"),
        (woven("a", "b"), "name validators as owners of [validation]"),
        (
            woven("a", "b")
                + "[[weave.links]]
origin = \"a\"
destination = \"b\"
[validation]
owners = [\"0x1111111111111111111111111111111111111111\"]",
            "'a' to 'b' twice",
        ),
        (
            woven("a", "b").replacen("chain-id", "follow = \"http://x/chains/a\"\nchain-id", 1),
            "which follows another node",
        ),
        ("listen = \"nowhere\"".to_owned(), "invalid socket address"),
        ("[admin]\nlisten = \"0.0.0.0:8546\"".to_owned(), "allow-remote = true"),
        (chain("a", 1, "[[chain.mount]]\naddress = \"0x12\""), "caldera.toml:6"),
    ] {
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains(want), "{text}: {message}");
    }
}

#[test]
fn paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("caldera.toml");
    std::fs::write(&path, EXAMPLE).unwrap();
    let config = Config::load(&path).unwrap();
    let mount = &config.chains[0].mounts[0];
    assert!(mount.component.starts_with(dir.path()), "{}", mount.component.display());
    assert!(config.data.starts_with(dir.path()), "{}", config.data.display());
    let error = config.spec().unwrap_err().to_string();
    assert!(error.contains("hello-engine.wasm"), "a missing component is named: {error}");
}

#[test]
fn a_chain_becomes_its_genesis() {
    let text = format!(
        "[[chain]]\nname = \"a\"\nchain-id = 7\ngovernor = \"0x{0}\"\n\
         [[chain.account]]\naddress = \"0x{0}\"\nbalance = \"1000\"\nnonce = 3\ncode = \"0xfe\"\n\
         [chain.account.storage]\n\"0x{1}\" = \"0x{1}\"\n",
        "11".repeat(20),
        "22".repeat(32)
    );
    let spec = parse(&text).unwrap().spec().unwrap();
    assert!(spec.follow.is_empty() && !spec.chains[0].genesis.development);
    let more = text.replacen("chain-id", "development = true\nfollow = \"http://x/chains/a\"\nchain-id", 1);
    let follows = parse(&more).unwrap().spec().unwrap();
    assert_eq!((follows.follow["a"].as_str(), follows.chains[0].genesis.development), ("http://x/chains/a", true));
    let chain = &spec.chains[0];
    let (_, account) = chain.genesis.accounts.first_key_value().unwrap();
    assert_eq!((account.balance.to::<u64>(), account.nonce, account.storage.len()), (1000, 3, 1));
    assert_eq!((chain.genesis.env.chain_id, chain.block_interval.as_millis()), (7, 1000));
    assert_eq!(
        parse(&text).unwrap().chain("b").unwrap_err().to_string(),
        "the configuration has no chain 'b'; it has: a"
    );
}
