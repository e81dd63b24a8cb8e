// Stands in for the Web eID extension in a login page under test: answers the page's "web-eid:*" messages (eid.md §4.2) and shows
// the simulator's card reader in a frame.
(function () {
  "use strict";

  var SIMULATOR = "{{SIMULATOR}}";
  var frame = null;

  function say(message) {
    window.postMessage(message, window.location.origin);
  }

  function close() {
    if (frame) {
      frame.parentNode.removeChild(frame);
      frame = null;
    }
  }

  function open(question) {
    var options = question.options || {};
    frame = document.createElement("iframe");
    frame.id = "card-reader";
    frame.title = options.lang === "en" ? "Simulated card reader" : "Hermir kortalesara";
    frame.src = SIMULATOR + "/card/reader?origin=" + encodeURIComponent(window.location.origin) +
      "&nonce=" + encodeURIComponent(question.challengeNonce) + "&lang=" + encodeURIComponent(options.lang || "is");
    var style = frame.style;
    style.position = "fixed";
    style.top = style.right = style.bottom = style.left = "0";
    style.margin = "auto";
    style.width = "min(28rem, 100%)";
    style.height = "min(42rem, 100%)";
    style.border = "4px solid #1a1a1a";
    style.background = "#fff";
    style.zIndex = "1000";
    frame.onload = function () {
      if (frame) {
        frame.focus();
      }
    };
    document.body.appendChild(frame);
  }

  window.addEventListener("message", function (event) {
    var message = event.data || {};
    if (frame && event.source === frame.contentWindow && event.origin === SIMULATOR) {
      close();
      say(message);
      return;
    }
    if (event.source !== window) {
      return;
    }
    if (message.action === "web-eid:status") {
      say({ action: "web-eid:status-ack" });
      say({ action: "web-eid:status-success", library: message.libraryVersion, extension: "2.4.0", nativeApp: "2.5.0+0" });
    } else if (message.action === "web-eid:authenticate") {
      say({ action: "web-eid:authenticate-ack" });
      if (frame) {
        say({ action: "web-eid:authenticate-failure", error: { code: "ERR_WEBEID_ACTION_PENDING", message: "HERMIR" } });
      } else {
        open(message);
      }
    }
  });
}());
