// Notices that something changed on the phone and shows the page anew. Without it the page refreshes by itself.
(function () {
  "use strict";
  var main = document.querySelector("main[data-state-url]");
  if (!main) return;
  function look() {
    var request = new XMLHttpRequest();
    request.open("GET", main.dataset.stateUrl);
    request.timeout = 5000;
    request.onload = function () {
      if (request.status === 200 && request.responseText !== main.dataset.state) {
        location.replace(location.pathname);
      } else {
        setTimeout(look, 1000);
      }
    };
    request.onerror = request.ontimeout = function () { setTimeout(look, 3000); };
    request.send();
  }
  setTimeout(look, 1000);
})();
