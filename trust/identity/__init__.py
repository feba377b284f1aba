"""Who is calling: the value every decision starts from, and what a caller may say about itself."""
