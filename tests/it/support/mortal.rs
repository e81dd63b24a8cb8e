//! A node that can be killed, and what then stands where it stood: a gate that leads to another node.

use std::{net::SocketAddr, thread, time::Duration};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
};
use url::Url;

use super::{phone::eventually, server::TestServer};

/// A server on a runtime of its own, which can be killed: nothing of it runs on, and nothing is put in order.
pub struct Mortal {
    pub server: TestServer,
    runtime: runtime::Runtime,
}

impl Mortal {
    /// With the demo's configuration, for an example application at `app`.
    pub async fn start_for(app: &str) -> Self {
        let (send, receive) = oneshot::channel();
        let app = app.to_owned();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let server = runtime.block_on(TestServer::start_for(&app, |_| {}));
            drop(send.send(Self { server, runtime }));
        });
        receive.await.unwrap()
    }

    /// Kills it.
    pub fn kill(self) {
        self.runtime.shutdown_background();
    }
}

/// From now on everybody who comes to the issuer of a node comes to this node, as through a proxy in front of all of them.
pub async fn lead_to(node: &TestServer) {
    let address = |url: &str| SocketAddr::from(([127, 0, 0, 1], Url::parse(url).unwrap().port().unwrap()));
    let (from, to) = (address(&node.issuer), address(&node.address));
    let gate = eventually("the place of the node that ended", async || TcpListener::bind(from).await.ok()).await;
    tokio::spawn(async move {
        loop {
            let Ok((mut outside, _)) = gate.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            tokio::spawn(async move {
                if let Ok(mut inside) = TcpStream::connect(to).await {
                    copy_bidirectional(&mut outside, &mut inside).await.ok();
                }
            });
        }
    });
}
