title = Innskráning
