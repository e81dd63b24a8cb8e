//! What a connection is doing, seen from its bytes and its requests, so that it is closed in time (DOS-01): hyper measures neither
//! the first bytes nor the difference between a slow header and none.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch::{Sender, channel},
    time::{Instant, sleep_until},
};

use super::head::Head;

/// A connection that is looked at while it is read.
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
}

/// What is known of a connection.
#[derive(Clone)]
pub(super) struct Watch(Sender<State>);

struct State {
    doing: Doing,
    head: Head,
}

#[derive(Clone, Copy)]
enum Doing {
    /// nothing, between two requests, since then
    Waiting(Instant),
    /// a header comes in, since then
    Sending(Instant),
    /// so many requests are being answered
    Working(usize),
}

/// A request that is being answered, until it is dropped.
pub(super) struct Open {
    watch: Watch,
    /// its header can be read in two ways
    pub(super) is_malformed: bool,
}

/// Watches a connection, which has to begin with a header now.
pub(super) fn watch<S>(stream: S) -> (Watched<S>, Watch) {
    let watch = Watch(channel(State { doing: Doing::Sending(Instant::now()), head: Head::default() }).0);
    (Watched { stream, watch: watch.clone() }, watch)
}

impl Watch {
    /// A header is complete, and its request is answered from now on.
    pub(super) fn begin(&self) -> Open {
        let mut is_malformed = false;
        self.0.send_modify(|state| {
            is_malformed = state.head.take_verdict();
            state.doing = match state.doing {
                Doing::Working(open) => Doing::Working(open + 1),
                Doing::Waiting(_) | Doing::Sending(_) => Doing::Working(1),
            };
        });
        Open { watch: self.clone(), is_malformed }
    }

    /// Ends when a header has taken longer than `header`, or nothing has come for longer than `idle`.
    pub(super) async fn expired(&self, header: Duration, idle: Duration) {
        let mut seen = self.0.subscribe();
        loop {
            let deadline = match seen.borrow_and_update().doing {
                Doing::Waiting(since) => Some(since + idle),
                Doing::Sending(since) => Some(since + header),
                Doing::Working(_) => None,
            };
            let over = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                // the sender is ours: it does not go before us
                _ = seen.changed() => {}
            }
        }
    }

    fn read(&self, bytes: &[u8]) {
        self.0.send_if_modified(|state| {
            if matches!(state.doing, Doing::Working(_)) {
                return false;
            }
            state.head.read(bytes);
            let begins = matches!(state.doing, Doing::Waiting(_));
            if begins {
                state.doing = Doing::Sending(Instant::now());
            }
            begins
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.watch.0.send_modify(|state| {
            state.doing = match state.doing {
                Doing::Working(open) if open > 1 => Doing::Working(open - 1),
                _ => Doing::Waiting(Instant::now()),
            };
        });
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.watch.read(read);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
