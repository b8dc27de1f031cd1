//! `caldera node` with the example configuration, as somebody would try it first.

mod support;

use caldera_node::{
    ctl,
    rpc::{Endpoint, Rpc},
};
use support::{Dev, caldera, plugins};

#[tokio::test]
async fn the_example_configuration_runs() {
    let dir = tempfile::tempdir().unwrap();
    let component = plugins().join("hello-engine.wasm");
    let example = include_str!("../caldera.example.toml")
        .replace("listen = \"127.0.0.1:8545\"", "listen = \"127.0.0.1:0\"")
        .replace("# listen = \"127.0.0.1:8546\"", "listen = \"127.0.0.1:0\"")
        .replace("target/plugins/hello-engine.wasm", component.to_str().unwrap());
    let file = dir.path().join("caldera.toml");
    std::fs::write(&file, example).unwrap();
    let mut command = caldera();
    command.args(["node", "--json", "--config"]).arg(&file);
    let node = Dev::spawn(command);
    assert_eq!(node.ready["chains"].as_array().unwrap().len(), 1);
    assert_eq!(node.ready["accounts"].as_array().unwrap().len(), 0, "keys are for development chains only");
    let rpc = Rpc::new(Endpoint::of(node.url(), "greetings")).unwrap();
    assert_eq!(rpc.chain_id().await.unwrap(), 4210);
    let mounts = ctl::list(&rpc).await.unwrap().mounts;
    assert_eq!((mounts.len(), mounts[0].name.as_str()), (1, "hello"));
    assert!(dir.path().join("data/greetings/blocks.log").is_file(), "data lies beside the file");
    assert_eq!(node.signal("TERM").0.code(), Some(0));
}
