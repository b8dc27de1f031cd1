//! The main job, end to end: `caldera dev --tour` on the real binary.

mod support;

use serde_json::Value;
use support::{caldera, plugins};

#[test]
fn the_tour_holds() {
    let data = tempfile::tempdir().unwrap();
    let output = caldera()
        .args(["dev", "--tour", "--json", "--port", "0", "--plugins"])
        .arg(plugins())
        .arg("--data")
        .arg(data.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let step = |name: &str| &lines.iter().find(|line| line["name"] == name).unwrap()["figures"];
    let number =
        |value: &Value| value.as_str().map_or(value.as_u64().map(u128::from), |text| text.parse().ok()).unwrap();

    assert_eq!(lines[0]["event"], "ready");
    let engines: Vec<_> = step("live")["chains"].as_array().unwrap().iter().map(|row| &row["chain"]).collect();
    assert_eq!(engines.len(), 6, "two on each chain: {engines:?}");
    let chains = std::collections::BTreeSet::from_iter(engines.iter().map(|chain| chain.as_str()));
    assert_eq!(chains.len(), 3, "{chains:?}");
    assert_eq!(step("members")["members"], 200);
    assert_eq!(step("load")["obligations"], 10_000);

    let netting = step("netting");
    assert_eq!(netting["obligations"], 10_000);
    assert!(number(&netting["net"]) < number(&netting["gross"]) / 2, "netting leaves far less to pay: {netting}");
    assert!(netting["blocks"].as_u64().unwrap() > 1, "a cycle larger than a block goes on in the next: {netting}");

    let crash = step("crash");
    let defaults = crash["defaults"].as_array().unwrap();
    assert!(!defaults.is_empty());
    for layer in ["fromMargin", "fromCollateral", "fromFund", "mutualised"] {
        let sum: u128 = defaults.iter().map(|default| number(&default[layer])).sum();
        assert!(sum > 0, "every layer of the waterfall runs: {layer}");
    }
    let losses: u128 = crash["losses"].as_array().unwrap().iter().map(|loss| number(&loss["loss"])).sum();
    assert_eq!(losses, defaults.iter().map(|default| number(&default["mutualised"])).sum::<u128>());

    let swap = step("swap");
    assert_eq!(swap["states"], "1 to 2");
    assert!(swap["trafficBefore"].as_u64().unwrap() > 0 && swap["trafficAfter"].as_u64().unwrap() > 0);
    let closes = swap["closes"].as_array().unwrap();
    assert!(closes[1]["blocks"].as_u64() < closes[0]["blocks"].as_u64(), "version 2 closes faster: {closes:?}");
    assert!(closes[1]["gas"].as_u64() < closes[0]["gas"].as_u64(), "version 2 closes cheaper: {closes:?}");

    let kinds = &step("shadow")["divergences"];
    assert!(kinds["storage"].as_u64().unwrap() > 0 && kinds["return-data"].as_u64().unwrap() > 0, "{kinds}");
    assert_eq!(step("trap")["reason"], "unreachable");
    let probation = step("probation");
    assert!(probation["back"].as_u64() > probation["live"].as_u64(), "{probation}");
    assert_eq!(step("replay")["sentBackAt"], probation["back"], "a second node sends it back in the same block");

    assert_eq!(step("replay")["stateRoot"].as_str().unwrap().len(), 66);
    let summary = lines.last().unwrap();
    assert_eq!((summary["event"].as_str(), summary["steps"].as_u64()), (Some("tour"), Some(10)));
}
