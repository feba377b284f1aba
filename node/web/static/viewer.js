"use strict";
// A document on its way: the page comes anew when it is here, or with the time that it takes; without JavaScript there is a link.
const again = () => location.reload();
fetch(location.pathname + "/waiting").then(again, () => setTimeout(again, 5000));
